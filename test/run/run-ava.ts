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
  const result = await ava;
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, stop);
  return { ...tapTotals(result.stdout), exitCode: result.exitCode ?? 1 };
}
