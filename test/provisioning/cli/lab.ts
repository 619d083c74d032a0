/** The command line against a running lab, as a user or a script has it. */
import { readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import anyTest, { type ExecutionContext, type TestFn } from "ava";
import { execa } from "execa";
import { readLabRecord } from "sanlab/state/lab-record.ts";
import { markedProcesses } from "sanlab/supervisor/marked.ts";
import { eventually, external, labOf, type TestLab, testLab } from "../../helpers/lab.ts";

// One after another: a lab is several processes, and their times on two cores would add up.
const test = anyTest.serial as TestFn;
const BIN = new URL("../../../provisioning/bin/sanlab.js", import.meta.url).pathname;
const SMALL = { diskSize: "64MiB", deviceSize: "128MiB" };

interface Status {
  readonly running: boolean;
  readonly supervisor: { readonly pid: number };
  readonly controller: { readonly pid: number; readonly state: string };
  readonly processes: readonly { readonly name: string; readonly pid: number | null; readonly restarts: number }[];
}

function state(lab: TestLab): string {
  return join(lab.directory, "state");
}

async function assertNothingRuns(t: ExecutionContext, lab: TestLab, id: string): Promise<void> {
  t.deepEqual(await markedProcesses(id), []);
  t.is((await lab.run(["status"])).exitCode, 3);
}

test("up brings a lab up, up again changes nothing, down stops it, down again is fine, up brings it back", async (t) => {
  t.timeout(120_000);
  const lab = await testLab(t);
  await lab.up(labOf({ ...SMALL, agents: ["a", "b"] }));
  const first = await lab.json<Status>("status");
  t.true(first.running);
  t.deepEqual(
    first.processes.map(({ name }) => name),
    ["controller", "agent-a", "agent-b"],
  );
  const again = await lab.json<{ steps: unknown[] }>("up", lab.file);
  t.deepEqual(again.steps, []);
  t.deepEqual((await lab.json<Status>("status")).processes, first.processes);

  const portals = (await lab.agents()).map(({ portal }) => portal);
  const record = await readLabRecord(state(lab));
  await lab.must("down");
  await assertNothingRuns(t, lab, record?.id ?? "");
  await lab.must("down");
  t.is((await lab.run(["check"])).exitCode, 0, "the tables of a stopped lab can be checked");
  await lab.must("up");
  const back = await lab.agents();
  t.true(back.every((agent) => agent.state === "connected"));
  t.deepEqual(
    back.map(({ portal }) => portal),
    portals,
    "hosts find the agents where they were",
  );
  t.is((await lab.disks())[0]?.name, "data");
});

test("names and paths of a lab file reach no shell", async (t) => {
  t.timeout(120_000);
  const lab = await testLab(t);
  const [device, secret] = ["main $(touch owned);`touch owned`'.img", "a `touch owned` $(touch owned)"];
  await writeFile(join(lab.directory, secret), "0123456789abcdef\n");
  await lab.up({
    ...labOf(SMALL),
    pools: { main: { devices: [{ path: device, size: "64MiB" }] } },
    agents: { a: { chap: { user: "lab", secretFile: secret } } },
  });
  t.true((await readdir(lab.directory)).includes(device));
  await lab.must("export", "script", "outside", "--format", "iscsiadm", "--output", "out");
  await lab.must("down", "--destroy");
  t.deepEqual((await readdir(lab.directory)).sort(), [secret, "lab.yaml", "out"].sort());
});

test("down --destroy removes the state directory and the images that were created, and nothing else", async (t) => {
  t.timeout(120_000);
  const lab = await testLab(t);
  await writeFile(join(lab.directory, "mine.txt"), "mine");
  await lab.up(labOf(SMALL));
  await lab.must("pool", "create", "more", "--device", `${join(lab.directory, "more.img")}:16MiB`);
  await lab.must("down");
  await lab.must("down", "--destroy");
  t.deepEqual((await readdir(lab.directory)).sort(), ["lab.yaml", "mine.txt"]);
});

test("two ups at once: one of them does it, the other one says so, and the lab is right", async (t) => {
  t.timeout(120_000);
  const lab = await testLab(t);
  await lab.writeFile(labOf(SMALL));
  const results = await Promise.all([lab.run(["up", lab.file]), lab.run(["up", lab.file])]);
  t.deepEqual(results.map(({ exitCode }) => exitCode).sort(), [0, 1]);
  const refused = results.find(({ exitCode }) => exitCode === 1);
  t.regex(refused?.stderr ?? "", /^sanlab: Another 'sanlab up' or 'sanlab down' is at work on the state directory/);
  t.is((await lab.agents()).length, 1);
});

test("Ctrl-C at any moment of up leaves nothing, with one sentence and exit code 1", async (t) => {
  t.timeout(180_000);
  const lab = await testLab(t);
  await lab.writeFile(labOf({ ...SMALL, agents: ["a", "b"] }));
  for (const ms of [300, 600, 900, 1200, 1500, 1800]) {
    const child = execa(process.execPath, [BIN, "up", lab.file], {
      cwd: lab.directory,
      reject: false,
      stdin: "ignore",
      env: { SANLAB_STATE: state(lab) },
    });
    await delay(ms);
    child.kill("SIGINT");
    const { exitCode, stderr, signal } = await child;
    if (exitCode === 0) {
      // It was up before the signal came: then it is up as a whole.
      t.is((await lab.agents()).length, 2);
      await lab.must("down", "--destroy");
      continue;
    }
    // Before it listens for signals at all, nothing is there to be taken back.
    if (signal === undefined) {
      t.is(exitCode, 1, stderr);
      t.regex(stderr, /sanlab: Interrupted: what had been done was taken back\.$/);
    }
    t.deepEqual(await readdir(lab.directory), ["lab.yaml"], `after ${ms} ms`);
  }
});

test("after kill -9 of every process up brings the lab back, and so it does after the supervisor's alone", async (t) => {
  t.timeout(180_000);
  const lab = await testLab(t);
  await lab.up(labOf({ ...SMALL, agents: ["a", "b"] }));
  const before = await lab.json<Status>("status");
  for (const pid of [before.supervisor.pid, ...before.processes.map((process) => process.pid)]) {
    if (pid !== null) process.kill(pid, "SIGKILL");
  }
  await eventually("the supervisor is gone", async () => (await lab.run(["status"])).exitCode === 3);
  await lab.must("up", lab.file);
  t.true((await lab.agents()).every((agent) => agent.state === "connected"));

  const between = await lab.json<Status>("status");
  process.kill(between.supervisor.pid, "SIGKILL");
  await eventually("the supervisor is gone", async () => (await lab.run(["status"])).exitCode === 3);
  await lab.must("up", lab.file);
  const after = await lab.json<Status>("status");
  t.deepEqual(
    after.processes.map(({ pid }) => pid),
    between.processes.map(({ pid }) => pid),
    "what was alive is taken over",
  );

  process.kill(after.supervisor.pid, "SIGKILL");
  const record = await readLabRecord(state(lab));
  await lab.must("down");
  await assertNothingRuns(t, lab, record?.id ?? "");
});

test("the file of a changed lab adds what is new; --prune deletes what it no longer has; commands' things stay", async (t) => {
  t.timeout(180_000);
  const lab = await testLab(t);
  const file = labOf({
    ...SMALL,
    agents: ["a", "b"],
    hosts: { outside: external("outside"), other: external("other") },
  });
  await lab.up(file);
  await lab.must("disk", "create", "scratch", "--size", "16MiB", "--pool", "main");
  const changed = {
    ...labOf({ ...SMALL, agents: ["a"] }),
    disks: { data: { pool: "main", size: "96MiB" }, more: { pool: "main", size: "8MiB" } },
  };
  await lab.up(changed);
  const names = async () => (await lab.disks()).map(({ name, size }) => [name, size]);
  const expected = [
    ["data", 96 * 1024 ** 2],
    ["more", 8 * 1024 ** 2],
    ["scratch", 16 * 1024 ** 2],
  ];
  t.deepEqual((await names()).sort(), expected);
  t.deepEqual(
    (await lab.agents()).map(({ name }) => name),
    ["a", "b"],
    "without --prune nothing goes",
  );

  const { stderr } = await lab.run(["up", lab.file, "--prune"]);
  t.regex(stderr, /- stop and remove agent 'b'/);
  t.deepEqual(
    (await lab.agents()).map(({ name }) => name),
    ["a"],
  );
  t.deepEqual(
    (await lab.json<{ name: string }[]>("host", "list")).map(({ name }) => name),
    ["outside"],
  );
  t.deepEqual((await names()).sort(), expected);
});

test("a disk is never shrunk: up refuses, and changes nothing", async (t) => {
  const lab = await testLab(t);
  await lab.up(labOf(SMALL));
  await lab.writeFile({ ...labOf({ ...SMALL, agents: ["a", "b"], diskSize: "32MiB" }) });
  const { exitCode, stderr } = await lab.run(["up", lab.file]);
  t.is(exitCode, 1);
  t.regex(stderr, /^sanlab: Disk 'data' has 64MiB, and the file says 32MiB: disks are never shrunk/);
  t.is((await lab.agents()).length, 1);
});

test("agents are added, killed, paused, resumed and removed by commands", async (t) => {
  t.timeout(120_000);
  const lab = await testLab(t);
  await lab.up(labOf(SMALL));
  await lab.must("agent", "add", "b");
  const added = (await lab.agents()).find(({ name }) => name === "b");
  t.is(added?.state, "connected");
  await lab.must("agent", "kill", "b");
  await eventually("another process of the agent is connected", async () => {
    const now = (await lab.agents()).find(({ name }) => name === "b");
    return now?.state === "connected" && now.pid !== added?.pid;
  });
  await lab.must("agent", "pause", "b");
  const paused = (await lab.agents()).find(({ name }) => name === "b");
  await lab.must("agent", "resume", "b");
  t.truthy(paused);
  t.is((await lab.run(["agent", "add", "b"])).exitCode, 1);
  await lab.must("agent", "remove", "b");
  t.deepEqual(
    (await lab.agents()).map(({ name }) => name),
    ["a"],
  );
  const { exitCode, stderr } = await lab.run(["agent", "kill", "b"]);
  t.is(exitCode, 1);
  t.is(stderr, "sanlab: There is no agent 'b': the lab has a.");
});

test("when the state directory is removed under a running lab, its processes end", async (t) => {
  const lab = await testLab(t);
  await lab.up(labOf(SMALL));
  const record = await readLabRecord(state(lab));
  // Its processes write while it goes.
  await rm(state(lab), { recursive: true, maxRetries: 20 });
  await eventually("no process is left", async () => (await markedProcesses(record?.id ?? "")).length === 0);
  await t.throwsAsync(stat(state(lab)), { code: "ENOENT" });
});
