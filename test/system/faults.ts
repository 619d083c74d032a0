/** Faults on demand through the command line, seen by QEMU's own initiator: one lab, one fault after another. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import anyTest, { type ExecutionContext, type TestFn } from "ava";
import { FaultLab } from "../helpers/fault-lab.ts";
import { eventually, external, labOf } from "../helpers/lab.ts";
import { openDisk, type QemuIo } from "../helpers/qemu-io.ts";

const test = anyTest.serial as TestFn;
const IQN = "iqn.2026-11.example:outside";
const MIB = 1024 * 1024;

let lab: FaultLab;

test.before(async () => {
  lab = new FaultLab(await mkdtemp(join(tmpdir(), "sanlab-test-")));
  const file = labOf({ agents: ["a", "b"], diskSize: "64MiB", deviceSize: "128MiB" });
  await lab.up({ ...file, hosts: { outside: external("outside") }, faults: { slow: "on  agent=b do delay 1ms" } });
});
test.after.always(() => lab.destroy());

test("a fault of the lab file is there after up, and up again leaves it alone", async (t) => {
  t.deepEqual(
    (await lab.faults()).map(({ name, state }) => ({ name, state })),
    [{ name: "slow", state: "active" }],
  );
  t.deepEqual((await lab.json<{ steps: unknown[] }>("up", lab.file)).steps, []);
  await lab.must("fault", "clear", "slow");
});

test("sense, statuses and a lost write reach the initiator as they were asked for, and are counted", async (t) => {
  const disk = await open(t);
  await disk.write(0, MIB, 0x11);
  await lab.addFault("bad", "on disk=data op=read lba=8..15 do sense medium-error/unrecovered-read-error");
  await t.throwsAsync(disk.expectPattern(4096, 512, 0x11), { message: /error/i });
  await disk.expectPattern(0, 4096, 0x11);
  await disk.expectPattern(8192, 4096, 0x11);
  t.like(await lab.clearFault("bad"), { matched: 1, fired: 1 });

  // QEMU repeats what was refused as busy, and a queue that was full.
  for (const status of ["busy", "task-set-full"]) {
    await lab.addFault("status", `on path=outside/a op=read when first 2 do ${status}`);
    await disk.expectPattern(0, 4096, 0x11);
    t.like(await lab.clearFault("status"), { matched: 3, fired: 2 });
  }
  await lab.addFault("reserved", "on host=outside command=write-10,write-16 do reservation-conflict");
  await t.throwsAsync(disk.write(0, 4096, 0x22), { message: /busy|conflict|error/i });
  t.true(((await lab.clearFault("reserved"))?.fired ?? 0) > 0);

  await lab.addFault("lost", "on op=write when first 1 do lose-write");
  await disk.write(0, 4096, 0x33);
  await disk.expectPattern(0, 4096, 0x11);
  await disk.write(0, 4096, 0x33);
  await disk.expectPattern(0, 4096, 0x33);
  t.like(await lab.clearFault("lost"), { fired: 1 });
});

test("blocks that are written anew through one agent can be read through the other", async (t) => {
  const disk = await open(t);
  const other = await openDisk(t, await lab.url("data", "b"), IQN);
  await disk.write(0, MIB, 0x21);
  await lab.addFault("bad", "on disk=data lba=64..79 do bad-blocks");
  await t.throwsAsync(disk.expectPattern(32_768, 512, 0x21));
  await t.throwsAsync(other.expectPattern(32_768, 512, 0x21));
  await other.write(32_768, 8192, 0x22);
  await eventually("both agents know it", async () => {
    return await disk.expectPattern(32_768, 8192, 0x22).then(
      () => true,
      () => false,
    );
  });
  await lab.must("fault", "clear", "bad");
});

test("a command that is stuck goes on when its fault is cleared, and a dropped connection is taken up again", async (t) => {
  const disk = await open(t);
  await disk.write(0, 4096, 0x44);
  await lab.addFault("hang", "on op=read do stuck");
  const reading = disk.expectPattern(0, 4096, 0x44);
  await eventually("the read is stuck", async () => (await lab.fault("hang"))?.fired === 1);
  await lab.must("fault", "clear", "hang");
  await reading;
  await lab.addFault("drop", "on op=read when first 1 do drop-connection");
  await disk.expectPattern(0, 4096, 0x44);
  t.like(await lab.clearFault("drop"), { fired: 1 });
});

test("a full pool has no segment for a first write, and has again when the fault is cleared", async (t) => {
  const disk = await open(t);
  await disk.write(0, 4096, 0x77);
  await lab.addFault("full", "on pool=main do pool-full");
  await t.throwsAsync(disk.write(40 * MIB, 4096, 0x77));
  await disk.write(4096, 4096, 0x77);
  await lab.clearFault("full");
  await disk.write(40 * MIB, 4096, 0x77);
  t.is((await lab.run(["check"])).exitCode, 0);
});

test("a portal goes down for a while, and an initiator that waits comes through", async (t) => {
  const disk = await open(t);
  await disk.write(0, 4096, 0x12);
  await lab.addFault("down", "on agent=a when until 2s do portal-down");
  await disk.expectPattern(0, 4096, 0x12);
  t.like(await lab.fault("down"), { state: "over", fired: 1 });
  // `up` does not wait for an agent that a fault keeps down.
  await lab.addFault("for-long", "on agent=a do portal-down");
  await lab.must("up", lab.file);
  await lab.clearFault("for-long");
  await lab.clearFault("down");
  await disk.expectPattern(0, 4096, 0x12);
});

test("an agent is paused, cut off from the controller and killed, and the controller is killed; all comes back", async (t) => {
  const disk = await open(t);
  await disk.write(0, 4096, 0x13);
  await lab.addFault("pause", "on agent=a when until 1s do agent-pause");
  await disk.expectPattern(0, 4096, 0x13);
  await eventually("the pause is over", async () => (await lab.fault("pause"))?.state === "over");
  t.like(await lab.clearFault("pause"), { matched: 1, fired: 1 });

  await lab.addFault("cut", "on agent=a do agent-cut");
  await eventually("the agent is cut off", async () => (await agent("a"))?.state === "disconnected");
  t.like(await lab.fault("cut"), { state: "active", matched: 1, fired: 1 });
  await disk.expectPattern(0, 4096, 0x13);
  await lab.clearFault("cut");
  await eventually("the agent is back", async () => (await agent("a"))?.state === "connected");

  const before = await agent("a");
  await lab.addFault("kill", "on agent=a do agent-kill");
  await eventually("another process of the agent", async () => {
    const now = await agent("a");
    return now?.state === "connected" && now.pid !== before?.pid;
  });
  await disk.expectPattern(0, 4096, 0x13);

  const { controller } = await lab.json<{ controller: { pid: number } }>("status");
  await lab.addFault("end", "do controller-kill");
  await eventually("another controller that knows the fault as done", async () => {
    const status = await lab.run(["status", "--json"]);
    if (status.exitCode !== 0) return false;
    const now = JSON.parse(status.stdout) as { controller: { pid: number | null } };
    return (
      now.controller.pid !== null && now.controller.pid !== controller.pid && (await lab.fault("end"))?.state === "done"
    );
  });
  await disk.write(4096, 4096, 0x14);
  await disk.expectPattern(4096, 4096, 0x14);
  t.is((await lab.run(["check"])).exitCode, 0);
});

test("a fault that is wrong, that names what is not there, or that cannot be done here is refused", async (t) => {
  const wrong: readonly (readonly [text: string, said: RegExp])[] = [
    ["on disk=data do brew coffee", /column 17: found 'brew'/],
    ["on lba=0..7,99 op=write do short-data 1KiB", /column 16: found 'op=write'/],
    ["on disk=other do busy", /no disk 'other'/],
    ["on device=sdz do device-loss", /no device 'sdz'/],
    ["on host=outside do power-cut", /no guest of this lab/],
  ];
  const before = await lab.faults();
  for (const [text, said] of wrong) {
    const { exitCode, stderr } = await lab.run(["fault", "add", ...text.split(" ")]);
    t.is(exitCode, 1, text);
    t.regex(stderr, said);
  }
  t.deepEqual(await lab.faults(), before);
});

async function open(t: ExecutionContext): Promise<QemuIo> {
  t.timeout(120_000);
  return openDisk(t, await lab.url("data", "a"), IQN);
}

async function agent(name: string) {
  const { exitCode, stdout } = await lab.run(["agent", "list", "--json"]);
  return exitCode === 0
    ? (JSON.parse(stdout) as { name: string; state: string; pid: number }[]).find((row) => row.name === name)
    : undefined;
}
