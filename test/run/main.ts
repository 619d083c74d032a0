/** `npm test`: types, lint, every test; fails where one was skipped or something was left behind. */

import { randomUUID } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { leftProcesses } from "./left-processes.ts";
import { tapTotals } from "./tap-totals.ts";

const scratch = mkdtempSync(join(tmpdir(), "sanlab-run-"));
const guestCount = join(scratch, "guests");
const temporary = join(scratch, "tmp");
writeFileSync(guestCount, "");
const run = randomUUID();

const CHECKS = [
  ["tsc", "-p", "."],
  ["biome", "check", "."],
  ["oxlint", "--deny-warnings", "."],
] as const;

async function main(): Promise<number> {
  const paths = process.argv.slice(2);
  if (paths.length === 0) {
    for (const [program, ...args] of CHECKS) {
      const result = await execa(program, args, { stdio: "inherit", reject: false, preferLocal: true });
      if (result.exitCode !== 0) return failed(`${program} found something`);
    }
  }
  const env = { SANLAB_TEST_RUN: run, SANLAB_GUEST_COUNT_FILE: guestCount, TMPDIR: temporary };
  const ava = execa("ava", ["--tap", ...paths], {
    env,
    reject: false,
    preferLocal: true,
    stdin: "ignore",
    stderr: "inherit",
  });
  ava.stdout.pipe(process.stdout);
  const result = await ava;
  const totals = tapTotals(result.stdout);
  const left = [...leftProcesses(run), ...leftFiles()];
  console.log(`guests booted: ${readFileSync(guestCount, "utf8").split("\n").length - 1}`);
  console.log(`${totals.passed} passed, ${totals.failed} failed`);
  for (const thing of left) console.log(`left behind: ${thing}`);
  if (totals.skipped > 0) return failed(`${totals.skipped} tests were skipped`);
  if (totals.passed === 0) return failed("no test ran");
  if (left.length > 0) return failed("the tests left something behind");
  return result.exitCode === 0 && totals.failed === 0 ? 0 : 1;
}

function leftFiles(): string[] {
  return readdirSync(temporary)
    .filter((name) => !name.startsWith("node-compile-cache"))
    .map((name) => join(temporary, name));
}

function failed(why: string): number {
  console.log(`npm test failed: ${why}`);
  return 1;
}

const { mkdirSync } = await import("node:fs");
mkdirSync(temporary);
try {
  process.exitCode = await main();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
