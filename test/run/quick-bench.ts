/** The last step of `npm test`: the quick benchmark, which fails only where a ratio to tgt is far below the required one, twice. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";

const BENCH = new URL("../bench/main.ts", import.meta.url).pathname;

/** @returns what is wrong, as the runner reports it */
export async function quickBench(env: Readonly<Record<string, string>>): Promise<string[]> {
  const scratch = await mkdtemp(join(env.TMPDIR ?? tmpdir(), "quick-bench-"));
  try {
    const args = [BENCH, "--quick", "--output", join(scratch, "bench.json")];
    const { exitCode } = await execa(process.execPath, args, {
      env,
      reject: false,
      stdin: "ignore",
      stdout: "inherit",
      stderr: "inherit",
    });
    return exitCode === 0 ? [] : ["the quick benchmark missed what it requires, or did not come to its end"];
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
