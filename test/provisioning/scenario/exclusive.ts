/** One scenario at a time on a lab; and what one that was killed left there is in nobody's way. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import anyTest, { type TestFn } from "ava";
import { execa } from "execa";
import { eventually, labOf, TestLab } from "../../helpers/lab.ts";

const BIN = new URL("../../../provisioning/bin/sanlab.js", import.meta.url).pathname;

const fault = { fault: "on agent=a do delay 1ms", as: "slow" };

/** One lab for all tests of this file, in order. */
const test = anyTest.serial as TestFn;
let lab: TestLab;

test.before(async () => {
  lab = new TestLab(await mkdtemp(join(tmpdir(), "sanlab-test-")));
  await lab.up(labOf({}));
  await lab.writeScenario("short.yaml", { scenario: "short", timeline: [fault, { expect: { consistent: true } }] });
});
test.after.always(() => lab?.destroy());

async function faults(): Promise<string[]> {
  return (await lab.json<{ name: string }[]>("fault", "list")).map(({ name }) => name);
}

test("a second scenario on one lab is refused; one that was killed blocks nobody, and what it left is cleared", async (t) => {
  t.timeout(180_000);
  await lab.must("fault", "add", "--name", "mine", "on disk=data do delay 1ms");
  await lab.writeScenario("long.yaml", {
    scenario: "long",
    timeline: [fault, { expect: { consistent: true }, holds: "170s" }],
  });
  const env = { SANLAB_STATE: join(lab.directory, "state") };
  const args = [BIN, "scenario", "run", "long.yaml"];
  const long = execa(process.execPath, args, { cwd: lab.directory, env, stdin: "ignore", reject: false });
  t.teardown(() => long.kill("SIGKILL"));
  await eventually("the first scenario is at work", async () => (await faults()).includes("slow"));
  const second = await lab.run(["scenario", "run", "short.yaml"]);
  t.is(second.exitCode, 1);
  t.regex(second.stderr, /Another scenario runs on the lab of the state directory .*: wait until it has ended/);
  t.deepEqual(await faults(), ["mine", "slow"]);
  long.kill("SIGKILL");
  t.is((await long).signal, "SIGKILL");
  const third = await lab.run(["scenario", "run", "short.yaml"]);
  t.is(third.exitCode, 0, third.stderr + third.stdout);
  t.regex(third.stderr, /what an interrupted scenario left: fault 'slow'/);
  t.deepEqual(await faults(), ["mine"]);
});

test("a fault that was there before a scenario is not the scenario's to clear, even where the names are the same", async (t) => {
  t.timeout(120_000);
  await lab.must("fault", "add", "--name", "slow", "on disk=data do delay 1ms");
  const { exitCode, stdout } = await lab.run(["scenario", "run", "short.yaml"]);
  t.is(exitCode, 1);
  t.regex(stdout, /There is a fault 'slow' already/);
  t.deepEqual(await faults(), ["mine", "slow"]);
});
