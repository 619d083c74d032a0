/** A benchmark that is interrupted ends all that it has started. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { execa } from "execa";
import { eventually } from "../helpers/lab.ts";
import { leftProcesses } from "../run/left-processes.ts";
import { TestSite } from "../run/test-site.ts";

const BENCH = new URL("../bench/main.ts", import.meta.url).pathname;

/** The benchmark with a mark of its own in the environment of all that it starts, and a directory of its own for what it makes. */
function startBench(t: ExecutionContext) {
  const site = new TestSite(() => []);
  const directory = site.env.TMPDIR as string;
  const mark = site.env.SANLAB_TEST_RUN as string;
  const args = [
    BENCH,
    "--row",
    "4 KiB random read, depth 1",
    "--rounds",
    "50",
    "--output",
    join(directory, "bench.json"),
  ];
  const bench = execa(process.execPath, args, {
    env: site.env,
    reject: false,
    stdin: "ignore",
    forceKillAfterDelay: false,
  });
  t.teardown(async () => {
    bench.kill("SIGKILL");
    await bench;
    for (const left of leftProcesses(mark)) process.kill(Number(/^process (\d+)/.exec(left)?.[1]), "SIGKILL");
    site.remove();
  });
  const runs = (command: RegExp) => leftProcesses(mark).some((one) => command.test(one));
  return { bench, site, runs, made: () => readdirSync(directory) };
}

async function leavesNothing(t: ExecutionContext, site: TestSite): Promise<void> {
  // What is told to end with the process ends just after it.
  await eventually("the last to end", async () => site.leftBehind().length === 0, 5000).catch(() => undefined);
  t.deepEqual(site.leftBehind(), []);
}

test("by Ctrl-C, while it measures", async (t) => {
  const { bench, site, runs } = startBench(t);
  await eventually(
    "tgtd, a lab's daemons and a load",
    async () => runs(/tgtd/) && runs(/iscsi-perf/) && runs(/sanlab/),
  );
  bench.kill("SIGINT");
  // As npm hands it on to a process that the terminal has told already.
  bench.kill("SIGINT");
  const { exitCode, stderr } = await bench;
  t.is(exitCode, 130, stderr);
  t.regex(stderr, /SIGINT: ending what was started$/);
  await leavesNothing(t, site);
});

test("by SIGTERM, while its lab comes up", async (t) => {
  const { bench, site, made } = startBench(t);
  await eventually("the lab's directory", async () => made().some((name) => name.startsWith("sanlab-bench-")));
  bench.kill("SIGTERM");
  const { exitCode, stderr } = await bench;
  t.is(exitCode, 143, stderr);
  await leavesNothing(t, site);
});
