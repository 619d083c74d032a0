/** What runs scenarios: what it tells of those that fail, and what it hands on. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { hostProcess, readConsoleTail } from "@sanlab/vm";
import anyTest, { type TestFn } from "ava";
import { execa } from "execa";
import { countGuests, eventually, type TestLab } from "../../helpers/lab.ts";
import { courseOf, differences, passes, type ScenarioReport, scenarioDirectory } from "../../helpers/scenarios.ts";

const test = anyTest.serial as TestFn;

let lab: TestLab;

test.before(async () => {
  // A name that a shell, or an option of QEMU, would take for more than one.
  lab = await scenarioDirectory("$(touch owned); `touch owned` 'x' \"y\",if=none-");
  await lab.must("up", "two-paths.yaml");
  countGuests({ hosts: { web: {} } });
});
test.after.always(() => lab?.destroy());

test("a guest that dies while it boots is reported with its console, and nothing is left running", async (t) => {
  t.timeout(300_000);
  const own = await scenarioDirectory();
  t.teardown(() => own.destroy());
  const running = own.run(["scenario", "run", "path-failover.yaml", "--json"], { timeoutMs: 280_000 });
  countGuests({ hosts: { web: {} } });
  const directory = join(own.directory, "state", "hosts", "web");
  const guest = await eventually(
    "the guest has begun to boot",
    async () => {
      const isBooting = (await readConsoleTail(directory, 5)).length > 0;
      return isBooting ? hostProcess(directory) : undefined;
    },
    200_000,
  );
  process.kill(guest.pid, "SIGKILL");
  const { exitCode, stdout } = await running;
  t.is(exitCode, 1);
  const report = JSON.parse(stdout) as ScenarioReport;
  t.false(report.passed);
  t.truthy(report.labProblem);
  t.true(report.steps.every(({ verdict }) => verdict === "skipped"));
  t.true(report.logs.some(({ log, lines }) => log === "host-web" && lines.length > 0));
  t.true(report.logs.some(({ log }) => log === "agent-a"));
  t.deepEqual(
    (await readdir(own.directory)).filter((name) => !name.endsWith(".yaml")),
    [],
  );
});

test("scenario slow-disk goes as expected, and the same way again: the same steps, the same verdicts", async (t) => {
  t.timeout(300_000);
  const [first, second] = [await passes(t, lab, "slow-disk"), await passes(t, lab, "slow-disk")];
  t.deepEqual(differences(courseOf(first), courseOf(second)), []);
});

test("a scenario that fails tells where and why, in every form, and tidies up", async (t) => {
  t.timeout(120_000);
  await lab.writeScenario("wrong.yaml", {
    scenario: "wrong",
    timeline: [
      { load: { name: "w", host: "web", disk: "data" } },
      { fault: "on disk=data do delay 1ms", as: "slow" },
      { expect: { paths: { host: "web", disk: "data", active: 3 } }, within: "2s" },
      { clear: "slow" },
    ],
  });
  const { exitCode, stdout } = await lab.run(["scenario", "run", "wrong.yaml", "--json", "--junit", "report.xml"]);
  t.is(exitCode, 1);
  const report = JSON.parse(stdout) as ScenarioReport;
  t.deepEqual(
    report.steps.map(({ verdict }) => verdict),
    ["passed", "passed", "failed", "skipped"],
  );
  t.regex(report.steps[2]?.saw ?? "", /2 of 2 paths of 'data' at 'web' active/);
  const logs = report.logs.map(({ log }) => log);
  t.deepEqual(
    ["agent-a", "agent-b", "controller", "host-web"].filter((log) => !logs.includes(log)),
    [],
  );
  const xpath = ["--xpath", "string(//testcase[4]/failure/@message)", join(lab.directory, "report.xml")];
  t.regex((await execa("xmllint", xpath)).stdout, /2 of 2 paths/);
  t.deepEqual(await lab.json("fault", "list"), []);
  t.is((await lab.guest("web", "ls /run/sanlab/loads/w/running 2> /dev/null || echo ended")).trim(), "ended");
});

test("words of a scenario, and names and paths of its lab, reach programs as they are, and no shell", async (t) => {
  t.timeout(120_000);
  const nasty = "$(touch /run/owned); `touch /run/owned` & 'x' \"y\"";
  await lab.writeScenario("words.yaml", {
    scenario: "words",
    timeline: [
      { run: { host: "web", command: ["echo", nasty], output: "\\$\\(touch /run/owned\\); `touch" } },
      { sanlab: ["host", "exec", "web", "--", "echo", nasty], says: "\\$\\(touch" },
      { load: { name: "w", host: "web", file: `/run/$(touch owned);x` } },
      // The guest's memory takes no direct I/O, which a load does; here it matters only what the file is called.
      { expect: { load: { name: "w", errors: ">= 1" } } },
      { stop: "w" },
      { run: { host: "web", command: ["ls", "/run/$(touch owned);x"] } },
      { expect: { command: { host: "web", command: ["ls", "/run/owned"], exit: 2 } } },
    ],
  });
  const { exitCode, stdout } = await lab.run(["scenario", "run", "words.yaml"]);
  t.is(exitCode, 0, stdout);
  const files = [...(await readdir(lab.directory, { recursive: true })), ...(await readdir("."))];
  t.deepEqual(
    files.filter((file) => /(^|\/)owned$/.test(file)),
    [],
  );
});
