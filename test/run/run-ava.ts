/** One run of ava, whose report is passed on as it comes, and counted. */
import { execa } from "execa";
import { type Totals, tapTotals } from "./tap-totals.ts";

export interface AvaResult extends Totals {
  readonly exitCode: number;
}

export interface AvaOptions {
  readonly concurrency: number;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Longer than any test may take. ava's own limit does not end a worker that stays when its tests are
 * over, where one of them had asked for a longer limit.
 */
const SILENCE_MS = 25 * 60_000;

export async function runAva(files: readonly string[], { concurrency, env }: AvaOptions): Promise<AvaResult> {
  const ava = execa("ava", ["--tap", `--concurrency=${concurrency}`, ...files], {
    env,
    reject: false,
    preferLocal: true,
    stdin: "ignore",
    stdout: ["inherit", "pipe"],
    stderr: "inherit",
  });
  // Whoever stops the run wants it cleaned up and reported all the same.
  const stop = (signal: NodeJS.Signals) => ava.kill(signal);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, stop);
  const silence = setTimeout(() => {
    console.log(`no test has ended for ${SILENCE_MS / 60_000} minutes: a worker does not end`);
    ava.kill("SIGTERM");
  }, SILENCE_MS);
  ava.stdout.on("data", () => silence.refresh());
  const result = await ava;
  clearTimeout(silence);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, stop);
  return { ...tapTotals(result.stdout), exitCode: result.exitCode ?? 1 };
}
