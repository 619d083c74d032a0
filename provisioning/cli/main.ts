import { CommanderError, InvalidArgumentError } from "commander";
import { asUserError } from "../errors.ts";
import { ExitCode } from "../user-error.ts";
import { write } from "./output.ts";
import { buildProgram } from "./program.ts";

/** Runs one command line (without program and script) and ends the process with its exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  await endWith(async () => {
    const program = await buildProgram(argv);
    await program.parseAsync(argv, { from: "user" });
    return Number(process.exitCode ?? ExitCode.DONE);
  });
}

/** Does `work` and ends the process with the exit code it resolves with, or with that of its error, which it tells. */
export async function endWith(work: () => Promise<number>): Promise<void> {
  ignoreLostReaders();
  const exitCode = await work().catch(tell);
  // Whatever is still waited for in the background (a guest that boots, an image that is made) is not waited for here.
  await Promise.all([write(process.stdout, ""), write(process.stderr, "")]);
  process.exit(exitCode);
}

/** One sentence on stderr; the stack only for those who look for a bug. */
async function tell(error: unknown): Promise<number> {
  // Found by a verb itself, where the command line's own errors have been printed already.
  if (error instanceof InvalidArgumentError) await write(process.stderr, `sanlab: ${error.message}\n`);
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.DONE : ExitCode.USAGE;
  const isDebugging = (process.env.SANLAB_DEBUG ?? "") !== "";
  const known = asUserError(error);
  const lines =
    known === undefined
      ? [`a fault of sanlab itself (${firstLine(error)}): set SANLAB_DEBUG=1 to see where, and report it.`]
      : [known.message, ...known.details.map((line) => `  ${line}`)];
  await write(process.stderr, `sanlab: ${lines.join("\n")}\n`);
  if (isDebugging && error instanceof Error) await write(process.stderr, `${error.stack}\n`);
  return known?.exitCode ?? ExitCode.REFUSED;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n", 1)[0] ?? "";
}

/** A reader that has gone (`sanlab … | head`) wants no more: the rest is dropped. */
function ignoreLostReaders(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
  }
}

// The supervisor starts daemons by this file.
if (import.meta.main) await main(process.argv.slice(2));
