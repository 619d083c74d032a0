import { attachConsole, guestExec, MAX_INPUT_BYTES } from "@sanlab/vm";
import { type RunningHost, readQemuHosts } from "../api/running-lab.ts";
import { didYouMean } from "../lab/suggestion.ts";
import { hostRunDirectory } from "../state/layout.ts";
import { ExitCode, UserError } from "../user-error.ts";
import type { VerbContext } from "./verb.ts";

/** Without --timeout, a command may take its time. */
const LONG_MS = 2 ** 31 - 1;

/** The guest of this name, running or not. Needs no controller: a guest is reached while all else is down. */
export async function findGuest(state: string, name: string): Promise<RunningHost> {
  const guests = await readQemuHosts(state);
  const guest = guests.find(({ record }) => record.name === name);
  if (guest !== undefined) return guest;
  const names = guests.map(({ record }) => record.name);
  if (names.length === 0) {
    throw new UserError("HOST", `There is no guest '${name}': the lab in ${state} has no guests.`, {
      exitCode: ExitCode.NOT_RUNNING,
    });
  }
  throw new UserError("HOST", `There is no guest '${name}', only ${names.join(", ")}${didYouMean(name, names) || "."}`);
}

async function runDirectoryOf(state: string, name: string): Promise<string> {
  return hostRunDirectory(state, await runningGuest(state, name));
}

/** The guest's name again, where it runs. */
export async function runningGuest(state: string, name: string): Promise<string> {
  const { isRunning } = await findGuest(state, name);
  if (isRunning) return name;
  throw new UserError("NOT_RUNNING", `Host '${name}' is not running: start it with 'sanlab host start ${name}'.`, {
    exitCode: ExitCode.NOT_RUNNING,
  });
}

export async function execInGuest(
  context: VerbContext,
  name: string,
  command: readonly string[],
  options: { stdin?: boolean; timeout?: number },
): Promise<number> {
  const runDirectory = await runDirectoryOf(context.state, name);
  const input = options.stdin === true ? await standardInput() : undefined;
  const streams = context.json
    ? {}
    : {
        onStdout: (chunk: Buffer) => void process.stdout.write(chunk),
        onStderr: (chunk: Buffer) => void process.stderr.write(chunk),
      };
  const result = await guestExec(runDirectory, command, {
    ...streams,
    ...(input === undefined ? {} : { input }),
    timeoutMs: options.timeout === undefined ? LONG_MS : options.timeout * 1000,
    signal: context.signal,
  });
  await context.print(result, () => "");
  return result.exitCode;
}

export async function openConsole(context: VerbContext, name: string): Promise<void> {
  const runDirectory = await runDirectoryOf(context.state, name);
  if (context.json)
    throw new UserError("USAGE", "A console has no JSON form: leave out --json.", { exitCode: ExitCode.USAGE });
  context.note(`Connected to the console of host '${name}'; press Enter for a prompt, Ctrl-] to leave.`);
  const end = await attachConsole(runDirectory, process.stdin, process.stdout);
  context.note(end === "host-ended" ? "\nThe guest has ended." : "\nLeft the console; the guest goes on.");
}

async function standardInput(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin) {
    bytes += (chunk as Buffer).length;
    if (bytes > MAX_INPUT_BYTES) {
      throw new UserError(
        "HOST",
        `Standard input is larger than the ${MAX_INPUT_BYTES / 1024 / 1024} MiB that can be passed to a guest's command: copy it through a disk.`,
      );
    }
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}
