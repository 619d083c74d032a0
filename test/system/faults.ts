/** Faults on demand through the command line, seen by QEMU's own initiator: one lab, one fault after another. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import anyTest, { type ExecutionContext, type TestFn } from "ava";
import { eventually, external, labOf, TestLab } from "../helpers/lab.ts";
import { openDisk, type QemuIo } from "../helpers/qemu-io.ts";

const test = anyTest.serial as TestFn;
const IQN = "iqn.2026-11.example:outside";
const MIB = 1024 * 1024;

const SECTORS = MIB / 512;

interface FaultRow {
  readonly name: string;
  readonly state: string;
  readonly matched: number;
  readonly fired: number;
  readonly controller?: { readonly matched: number; readonly fired: number };
}

let lab: TestLab;

test.before(async () => {
  lab = new TestLab(await mkdtemp(join(tmpdir(), "sanlab-test-")));
  const file = labOf({ agents: ["a", "b"], diskSize: "64MiB", deviceSize: "128MiB" });
  await lab.up({ ...file, hosts: { outside: external("outside") }, faults: { slow: "on  agent=b do delay 1ms" } });
});
test.after.always(() => lab.destroy());

test("a fault of the lab file is there after up, and up again leaves it alone", async (t) => {
  t.deepEqual(
    (await faults()).map(({ name, state }) => ({ name, state })),
    [{ name: "slow", state: "active" }],
  );
  t.deepEqual((await lab.json<{ steps: unknown[] }>("up", lab.file)).steps, []);
  await lab.must("fault", "clear", "slow");
});

test("sense, statuses and a lost write reach the initiator as they were asked for, and are counted", async (t) => {
  const disk = await open(t);
  await disk.write(0, MIB, 0x11);
  await add("bad", "on disk=data op=read lba=8..15 do sense medium-error/unrecovered-read-error");
  await t.throwsAsync(disk.expectPattern(4096, 512, 0x11), { message: /error/i });
  await disk.expectPattern(0, 4096, 0x11);
  await disk.expectPattern(8192, 4096, 0x11);
  t.like(await clear("bad"), { matched: 1, fired: 1 });

  // QEMU repeats what was refused as busy, and a queue that was full.
  for (const status of ["busy", "task-set-full"]) {
    await add("status", `on path=outside/a op=read when first 2 do ${status}`);
    await disk.expectPattern(0, 4096, 0x11);
    t.like(await clear("status"), { matched: 3, fired: 2 });
  }
  await add("reserved", "on host=outside command=write-10,write-16 do reservation-conflict");
  await t.throwsAsync(disk.write(0, 4096, 0x22), { message: /busy|conflict|error/i });
  t.true(((await clear("reserved"))?.fired ?? 0) > 0);

  await add("lost", "on op=write when first 1 do lose-write");
  await disk.write(0, 4096, 0x33);
  await disk.expectPattern(0, 4096, 0x11);
  await disk.write(0, 4096, 0x33);
  await disk.expectPattern(0, 4096, 0x33);
  t.like(await clear("lost"), { fired: 1 });
});

test("blocks that are written anew through one agent can be read through the other", async (t) => {
  const disk = await open(t);
  const other = await openDisk(t, await lab.url("data", "b"), IQN);
  await disk.write(0, MIB, 0x21);
  await add("bad", "on disk=data lba=64..79 do bad-blocks");
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
  await add("hang", "on op=read do stuck");
  const reading = disk.expectPattern(0, 4096, 0x44);
  await eventually("the read is stuck", async () => (await fault("hang"))?.fired === 1);
  await lab.must("fault", "clear", "hang");
  await reading;
  await add("drop", "on op=read when first 1 do drop-connection");
  await disk.expectPattern(0, 4096, 0x44);
  t.like(await clear("drop"), { fired: 1 });
});

test("a storage device fails, is lost, and is well again when the fault is cleared", async (t) => {
  const disk = await open(t);
  await disk.write(0, 4096, 0x55);
  await add("device", "on device=main-0.img op=read do device-error");
  await t.throwsAsync(disk.expectPattern(0, 4096, 0x55));
  await disk.write(4096, 4096, 0x55);
  t.true(((await clear("device"))?.fired ?? 0) > 0);
  await add("gone", "on device=main-0.img agent=a do device-loss");
  await t.throwsAsync(disk.write(0, 4096, 0x66));
  const other = await openDisk(t, await lab.url("data", "b"), IQN);
  await other.expectPattern(0, 8192, 0x55);
  await clear("gone");
  await disk.expectPattern(0, 8192, 0x55);
});

test("a sector that cannot be read keeps its segment from being evacuated and copied, and lets all others go", async (t) => {
  const disk = await open(t);
  t.teardown(() => lab.run(["fault", "clear"]));
  for (let segment = 0; segment < 4; segment += 1) await disk.write(segment * MIB, MIB, 0x60 + segment);
  const spot = (await placeOf(1)).deviceSegment * SECTORS + 100;
  await add("spot", `on device=main-0.img sector=${spot}..${spot + 7} op=read do device-error`);
  await t.throwsAsync(disk.expectPattern(MIB + 100 * 512, 512, 0x61), { message: /error/i });
  await disk.expectPattern(MIB, 100 * 512, 0x61);
  await disk.expectPattern(MIB + 108 * 512, MIB - 108 * 512, 0x61);

  // The others of a shared segment need what it holds: a write to it waits for a copy, which fails.
  await lab.must("disk", "snapshot", "data", "before");
  await t.throwsAsync(disk.write(MIB, 4096, 0x71), { message: /error/i });
  await disk.write(2 * MIB, 4096, 0x72);

  await lab.must("device", "add", "main", "main-1.img:128MiB");
  const { exitCode, stdout } = await lab.run(["device", "evacuate", "main-0.img", "--json"]);
  t.is(exitCode, 1);
  t.deepEqual(staying(stdout), [{ disks: "before, data", segment: 1, reason: "it could not be read" }]);
  t.is((await placeOf(0)).device, "main-1.img");
  t.like(await placeOf(1), { device: "main-0.img", deviceSegment: (spot - 100) / SECTORS });
  await disk.expectPattern(2 * MIB, 4096, 0x72);
  await disk.expectPattern(MIB, 100 * 512, 0x61);
  t.true(((await clear("spot"))?.controller?.fired ?? 0) >= 2);

  await lab.must("device", "evacuate", "main-0.img");
  t.is((await placeOf(1)).device, "main-1.img");
  await disk.expectPattern(MIB, MIB, 0x61);
  await disk.write(MIB, 4096, 0x71);
  await lab.must("disk", "delete", "before");
  await lab.must("device", "add", "main", "main-0.img");
});

test("segments whose copies cannot be written stay, and move when the fault is over", async (t) => {
  const disk = await open(t);
  t.teardown(() => lab.run(["fault", "clear"]));
  await lab.must("pool", "create", "other", "--device", "other-0.img:128MiB");
  await disk.write(0, 2 * MIB, 0x63);
  await add("writes", "on device=other-0.img op=write do device-error");
  const { exitCode, stdout } = await lab.run(["disk", "migrate", "data", "--pool", "other", "--json"]);
  t.is(exitCode, 1);
  const stayed = staying(stdout);
  t.true(stayed.length >= 2);
  t.true(stayed.every(({ reason }) => reason === "its copy could not be written"));
  t.not((await placeOf(1)).device, "other-0.img");
  await disk.write(MIB, 4096, 0x64);
  await clear("writes");
  await lab.must("disk", "migrate", "data", "--pool", "other");
  t.is((await placeOf(1)).device, "other-0.img");
  await disk.expectPattern(MIB, 4096, 0x64);
  await disk.expectPattern(0, MIB, 0x63);
  await lab.must("disk", "migrate", "data", "--pool", "main");
  t.is((await lab.run(["check"])).exitCode, 0);
});

test("a full pool has no segment for a first write, and has again when the fault is cleared", async (t) => {
  const disk = await open(t);
  await disk.write(0, 4096, 0x77);
  await add("full", "on pool=main do pool-full");
  await t.throwsAsync(disk.write(40 * MIB, 4096, 0x77));
  await disk.write(4096, 4096, 0x77);
  await clear("full");
  await disk.write(40 * MIB, 4096, 0x77);
  t.is((await lab.run(["check"])).exitCode, 0);
});

test("a portal goes down for a while, and an initiator that waits comes through", async (t) => {
  const disk = await open(t);
  await disk.write(0, 4096, 0x12);
  await add("down", "on agent=a when until 2s do portal-down");
  await disk.expectPattern(0, 4096, 0x12);
  t.like(await fault("down"), { state: "over", fired: 1 });
  // `up` does not wait for an agent that a fault keeps down.
  await add("for-long", "on agent=a do portal-down");
  await lab.must("up", lab.file);
  await clear("for-long");
  await clear("down");
  await disk.expectPattern(0, 4096, 0x12);
});

test("an agent is paused, cut off from the controller and killed, and the controller is killed; all comes back", async (t) => {
  const disk = await open(t);
  await disk.write(0, 4096, 0x13);
  await add("pause", "on agent=a when until 1s do agent-pause");
  await disk.expectPattern(0, 4096, 0x13);
  await eventually("the pause is over", async () => (await fault("pause"))?.state === "over");
  t.like(await clear("pause"), { matched: 1, fired: 1 });

  await add("cut", "on agent=a do agent-cut");
  await eventually("the agent is cut off", async () => (await agent("a"))?.state === "disconnected");
  t.like(await fault("cut"), { state: "active", matched: 1, fired: 1 });
  await disk.expectPattern(0, 4096, 0x13);
  await clear("cut");
  await eventually("the agent is back", async () => (await agent("a"))?.state === "connected");

  const before = await agent("a");
  await add("kill", "on agent=a do agent-kill");
  await eventually("another process of the agent", async () => {
    const now = await agent("a");
    return now?.state === "connected" && now.pid !== before?.pid;
  });
  await disk.expectPattern(0, 4096, 0x13);

  const { controller } = await lab.json<{ controller: { pid: number } }>("status");
  await add("end", "do controller-kill");
  await eventually("another controller that knows the fault as done", async () => {
    const status = await lab.run(["status", "--json"]);
    if (status.exitCode !== 0) return false;
    const now = JSON.parse(status.stdout) as { controller: { pid: number | null } };
    return (
      now.controller.pid !== null && now.controller.pid !== controller.pid && (await fault("end"))?.state === "done"
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
  const before = await faults();
  for (const [text, said] of wrong) {
    const { exitCode, stderr } = await lab.run(["fault", "add", ...text.split(" ")]);
    t.is(exitCode, 1, text);
    t.regex(stderr, said);
  }
  t.deepEqual(await faults(), before);
});

async function open(t: ExecutionContext): Promise<QemuIo> {
  t.timeout(120_000);
  return openDisk(t, await lab.url("data", "a"), IQN);
}

async function add(name: string, text: string): Promise<void> {
  await lab.must("fault", "add", "--name", name, ...text.split(" "));
}

async function faults(): Promise<FaultRow[]> {
  const { exitCode, stdout } = await lab.run(["fault", "list", "--json"]);
  return exitCode === 0 ? (JSON.parse(stdout) as FaultRow[]) : [];
}

async function fault(name: string): Promise<FaultRow | undefined> {
  return (await faults()).find((row) => row.name === name);
}

interface PlaceRow {
  readonly segment: number;
  readonly device: string;
  readonly deviceSegment: number;
}

async function placeOf(segment: number): Promise<PlaceRow> {
  const rows = await lab.json<PlaceRow[]>("disk", "map", "data");
  const row = rows.find((one) => one.segment === segment) as PlaceRow;
  return { ...row, device: basename(row.device) };
}

interface StayRow {
  readonly disks: readonly string[];
  readonly segment: number;
  readonly reason: string;
}

/** What an operation has left, by the JSON that it printed. */
function staying(stdout: string) {
  const { stayed } = JSON.parse(stdout) as { stayed: StayRow[] };
  return stayed.map(({ disks, segment, reason }) => ({ disks: disks.toSorted().join(", "), segment, reason }));
}

/** Its counters when it is cleared. */
async function clear(name: string): Promise<FaultRow | undefined> {
  const row = await fault(name);
  await lab.must("fault", "clear", name);
  return row;
}

async function agent(name: string) {
  const { exitCode, stdout } = await lab.run(["agent", "list", "--json"]);
  return exitCode === 0
    ? (JSON.parse(stdout) as { name: string; state: string; pid: number }[]).find((row) => row.name === name)
    : undefined;
}
