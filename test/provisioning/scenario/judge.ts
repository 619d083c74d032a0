import test from "ava";
import type { Check } from "sanlab/scenario/checks.ts";
import { judge } from "sanlab/scenario/judge.ts";
import { accountOf, damagedBlocks } from "sanlab/scenario/load-account.ts";
import { countOf, fits, timeOf } from "sanlab/scenario/quantity.ts";
import { conditionOf } from "sanlab/scenario/read.ts";

const LOG = `20.00 running
begun 10.00
1 10.00 10.05 0
2 10.10 10.15 0
3 10.20 14.20 1
4 14.25 17.00 0
5 17.05 17.10 0`;

test("a load's account tells what it did, its errors, its longest pause and how long it has been idle", (t) => {
  t.deepEqual(accountOf(LOG), { done: 4, errors: 1, pauseMs: 6850, idleMs: 2900, isRunning: true });
  const ended = accountOf(LOG.replace("20.00 running", "99.00 ended"));
  t.deepEqual(ended, { done: 4, errors: 1, pauseMs: 6850, idleMs: 0, isRunning: false });
  t.is(
    accountOf("60.00 running\nbegun 10.00").pauseMs,
    50_000,
    "a load that never got through has paused all the time",
  );
  const since = accountOf(LOG, 2);
  t.deepEqual(since, { done: 2, errors: 1, pauseMs: 6850, idleMs: 2900, isRunning: true }, "what ended later only");
  t.deepEqual(accountOf(LOG, 5), { done: 0, errors: 0, pauseMs: 2900, idleMs: 2900, isRunning: true });
});

test("a block holds what was acknowledged last, or what was written later and never acknowledged", (t) => {
  const damaged = (contents: readonly string[]) => damagedBlocks(LOG, contents, "w", 2);
  // Blocks of numbers 1, 3, 5 and 2, 4.
  t.deepEqual(damaged(["w.5", "w.4"]), []);
  t.deepEqual(damaged(["w.3", "w.4"]), ["block 0 holds 'w.3' and not 'w.5'"]);
  t.deepEqual(damaged(["w.5"]), ["block 1 holds 'nothing' and not 'w.4'"]);
  const unsure = LOG.replace("5 17.05 17.10 0", "5 17.05 17.10 1");
  t.deepEqual(damagedBlocks(unsure, ["w.1", "w.4"], "w", 2), []);
  t.deepEqual(damagedBlocks(unsure, ["w.5", "w.4"], "w", 2), []);
});

test("numbers and times are compared as they are written", (t) => {
  const holds = (value: number, text: string | number) =>
    fits(value, countOf(text) ?? { comparison: "=", value: -1, text: "" });
  t.true(holds(3, 3) && holds(3, "3") && holds(3, ">= 3") && holds(4, ">3") && holds(2, "<= 3") && holds(2, "< 3"));
  t.false(holds(2, 3) || holds(2, ">= 3") || holds(3, ">3") || holds(4, "<=3") || holds(3, "<3"));
  t.is(timeOf("1.5s")?.value, 1500);
  t.is(timeOf("1.5s")?.comparison, "<=");
  t.is(timeOf(">= 2m")?.comparison, ">=");
  t.is(countOf("many"), undefined);
  t.is(timeOf("3"), undefined);
});

test("what was seen is judged against what was expected, and told", (t) => {
  const check = (condition: object) => conditionOf(condition)[0] as Check;
  const path = (device: string, active: boolean) => ({ device, active, access: "active/optimized", state: "running" });
  const paths = judge(check({ paths: { host: "web", disk: "data", active: 2 } }), [
    path("sda", true),
    path("sdb", false),
  ]);
  t.false(paths.holds);
  t.regex(paths.saw, /1 of 2 paths of 'data' at 'web' active \(sda running/);
  const account = accountOf(LOG);
  const load = (wanted: object, damaged: string[] = []) =>
    judge(check({ load: { name: "w", ...wanted } }), { account, damaged });
  t.true(load({ errors: 1, pause: "10s" }).holds);
  t.false(load({ errors: 0 }).holds);
  t.false(load({ pause: "5s" }).holds);
  t.true(load({ idle: ">= 2s" }).holds);
  t.false(load({ intact: true }, ["block 0 holds 'x' and not 'y'"]).holds);
  const command = (wanted: object) =>
    judge(check({ command: { host: "web", command: ["true"], ...wanted } }), {
      exitCode: 1,
      stdout: "a\nbc\n",
      stderr: "",
    });
  t.true(command({ exit: 1, output: "^b" }).holds);
  t.false(command({ output: "^b" }).holds);
  t.false(command({ exit: 1, output: "^c" }).holds);
  const row = (condition: object, seen: object | undefined) => judge(check(condition), seen as never).holds;
  t.true(row({ agent: { name: "a", state: "connected" } }, { name: "a", state: "connected" }));
  t.false(row({ agent: { name: "a", state: "connected" } }, undefined));
  t.true(row({ fault: { name: "f", fired: ">= 1" } }, { fired: 3 }));
  t.true(row({ disk: { name: "d", size: "1MiB" } }, { size: 1024 * 1024 }));
});
