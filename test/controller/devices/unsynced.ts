/** Devices of which a sync has failed, and zeros that cannot be made. */
import { removeExport } from "@sanlab/controller/access.ts";
import { check } from "@sanlab/controller/check/check.ts";
import type { Adopted } from "@sanlab/controller/devices/medium.ts";
import { failLost, openDevice, removeDevice } from "@sanlab/controller/devices/removal.ts";
import { createDisk } from "@sanlab/controller/disks.ts";
import { createPool, describePool, growPool } from "@sanlab/controller/pools.ts";
import type { DeviceRecord, PoolRecord } from "@sanlab/controller/records.ts";
import { takeSnapshots } from "@sanlab/controller/snapshots/snapshots.ts";
import test, { type ExecutionContext } from "ava";
import type { AgentCore } from "node-iscsi-target/agent/core.ts";
import { MappingLab, MemoryMedia, SEGMENT } from "../../helpers/mapping-lab.ts";
import { MemoryStore } from "../../helpers/memory-store.ts";

const WRITE_ERROR = { kind: "reported", report: { senseKey: 0x3, asc: 0x0c, ascq: 0x00 } };
const LOST = { kind: "medium-error", offset: 0 };

/** Devices that hold what somebody else left. */
class ForeignMedia extends MemoryMedia {
  override adopt(path: string, label: object, options: { sizeBytes?: number }): Adopted {
    const { medium } = super.adopt(path, label, options);
    this.devices.get(path)?.write(0, [Buffer.alloc(medium.sizeBytes, 0xee)]);
    return { medium, created: false };
  }
}

/** Disk 'data' in pool 'main' on /a. */
async function startLab(
  t: ExecutionContext,
  media = new MemoryMedia(),
  store = new MemoryStore(),
): Promise<MappingLab> {
  const lab = await MappingLab.start({ store, media });
  t.teardown(() => lab.close());
  await createPool(lab.core, {
    name: "main",
    segmentBytes: SEGMENT,
    devices: [{ path: "/a", sizeBytes: 9 * SEGMENT }],
  });
  await createDisk(lab.core, { name: "data", pool: "main", sizeBytes: 4 * SEGMENT });
  await lab.addAgents("a", "b");
  await lab.expose("data");
  return lab;
}

function states({ core }: MappingLab): string[] {
  return describePool(core, core.records.pools.get("main") as PoolRecord).devices.map(({ state }) => state);
}

async function sound(t: ExecutionContext, { core, bugs }: MappingLab): Promise<void> {
  t.deepEqual((await check(core.options.store, core.records)).problems, []);
  t.deepEqual(bugs, []);
}

test("a write for which no zeros can be made fails with a write error; what was taken for it is as free as before", async (t) => {
  const media = new ForeignMedia();
  const lab = await startLab(t, media);
  const { core } = lab;
  const free = core.space.freeIn("main");
  for (let segment = 1; segment < 9; segment += 1) media.failures.add(`zero /a ${segment}`);
  t.deepEqual(await lab.write("a", "data", 0, 1, 512), WRITE_ERROR);
  t.is(core.space.freeIn("main"), free);
  media.failures.clear();
  t.deepEqual(await lab.write("a", "data", 0, 1, 512), { kind: "ok" });
  t.is(core.space.freeIn("main"), free - 1);
  const rest = Buffer.alloc(SEGMENT - 512);
  await lab.device("b", "data").read(512, rest);
  t.true(
    rest.every((byte) => byte === 0),
    "nothing of what was on the device before",
  );
  await sound(t, lab);
});

test("a thick disk is refused, and leaves nothing behind, where no zeros can be made", async (t) => {
  const media = new ForeignMedia();
  const lab = await startLab(t, media);
  const free = lab.core.space.freeIn("main");
  for (let segment = 1; segment < 9; segment += 1) media.failures.add(`zero /a ${segment}`);
  const thick = { name: "thick", pool: "main", sizeBytes: 2 * SEGMENT, thick: true };
  await t.throwsAsync(createDisk(lab.core, thick), { message: /takes no writes/ });
  t.false(lab.core.records.disks.has("thick"));
  t.is(lab.core.space.freeIn("main"), free);
  await sound(t, lab);
});

test("after a sync has failed no flush of any agent succeeds and nothing is placed there, until the device is opened again", async (t) => {
  const lab = await startLab(t);
  const { core, media } = lab;
  await lab.write("a", "data", 0, 1);
  await takeSnapshots(core, { snapshots: [{ disk: "data", name: "snap" }] });
  media.failures.add("sync /a 0");
  t.deepEqual(await lab.write("a", "data", 0, 2), WRITE_ERROR, "its copy for the snapshot is not durable");
  t.deepEqual(states(lab), ["unsynced"]);
  await core.agents.reconcile();
  for (const agent of ["a", "b"]) t.deepEqual(await lab.device(agent, "data").flush(), LOST);
  media.failures.clear();
  t.deepEqual(await lab.device("b", "data").flush(), LOST, "though the next sync would succeed");
  await growPool(core, "main", { path: "/b", sizeBytes: 9 * SEGMENT });
  t.deepEqual(await lab.write("b", "data", 1, 3), { kind: "ok" });
  t.is(core.space.usedOn(core.records.devices.values().find(({ path }) => path === "/b")?.device as number), 1);

  const [unsynced] = core.records.unsynced.values();
  await openDevice(core, String(unsynced?.device));
  t.deepEqual(states(lab), ["online", "online"]);
  for (const agent of ["a", "b"]) t.deepEqual(await lab.device(agent, "data").flush(), { kind: "ok" });
  t.deepEqual(await lab.write("a", "data", 0, 2), { kind: "ok" });
  await sound(t, lab);
});

test("a device of which a sync has failed is opened again once agents have let go of it from which it was taken before", async (t) => {
  const lab = await startLab(t);
  const { core, media } = lab;
  await lab.write("a", "data", 0, 1);
  await takeSnapshots(core, { snapshots: [{ disk: "data", name: "snap" }] });
  media.failures.add("sync /a 0");
  t.deepEqual(await lab.write("a", "data", 0, 2), WRITE_ERROR);
  media.failures.clear();
  const agent = lab.agents.get("b") as AgentCore;
  const receive = agent.receive.bind(agent);
  const late: Parameters<typeof receive>[0][] = [];
  agent.receive = (message) => void late.push(message);
  const exports = [...core.records.exports.values()];
  const removals = exports.map(({ host, disk }) => removeExport(core, host, disk));
  await new Promise((resolve) => setTimeout(resolve, 20));
  let isOpen = false;
  const [unsynced] = core.records.unsynced.values();
  const opening = openDevice(core, String(unsynced?.device)).then(() => {
    isOpen = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.false(isOpen);
  agent.receive = receive;
  for (const message of late) receive(message);
  await Promise.all([...removals, opening]);
  t.deepEqual(states(lab), ["online"]);
  await sound(t, lab);
});

for (const end of ["is opened again", "is said to be lost"] as const) {
  test(`a device that was taken out by force as a sync of it failed lets no flush succeed, until it ${end}`, async (t) => {
    const lab = await startLab(t);
    const { core, media } = lab;
    await growPool(core, "main", { path: "/b", sizeBytes: 9 * SEGMENT });
    for (const segment of [0, 1, 2, 3]) await lab.write("a", "data", segment, 1 + segment);
    media.failures.add("sync /a 0");
    await removeDevice(core, "/a", "force");
    media.failures.clear();
    t.deepEqual(states(lab), ["removed", "online"]);
    for (const agent of ["a", "b"]) t.deepEqual(await lab.device(agent, "data").flush(), { kind: "not-ready" });
    const fresh = lab.connect("b");
    while (fresh.tables.size === 0) await new Promise((resolve) => setImmediate(resolve));
    t.deepEqual(await lab.device("b", "data").flush(), { kind: "not-ready" });

    if (end === "is opened again") await openDevice(core, "/a");
    else await removeDevice(core, "/a", "lost");
    for (const agent of ["a", "b"]) t.deepEqual(await lab.device(agent, "data").flush(), { kind: "ok" });
    t.deepEqual(core.records.unsynced.values(), []);
    await sound(t, lab);
  });
}

test("what an agent's process was told of a sync is asked for before the next process shows the disk", async (t) => {
  const lab = await startLab(t);
  const { core, media } = lab;
  await lab.write("a", "data", 0, 1);
  media.failures.add("sync /a 0");
  lab.kill(lab.agents.get("a")?.options.process?.pid ?? 0);
  lab.connect("a");
  const isBack = () => lab.agents.get("a")?.tables.has(core.records.disks.get("data")?.table ?? "") === true;
  while (!isBack()) await new Promise((resolve) => setImmediate(resolve));
  media.failures.clear();
  t.deepEqual(states(lab), ["unsynced"]);
  t.deepEqual(await lab.device("a", "data").flush(), LOST);
});

/** Of a lab with disk 'data' on /a and /b, the next controller, which cannot open /a; agents have it open still. */
async function withoutA(t: ExecutionContext): Promise<MappingLab> {
  const store = new MemoryStore();
  const before = await startLab(t, new MemoryMedia(), store);
  const { core, media } = before;
  await growPool(core, "main", { path: "/b", sizeBytes: 9 * SEGMENT });
  for (const segment of [0, 1, 2, 3]) await before.write("a", "data", segment, 1 + segment);
  media.replaced.add("/a");
  before.close();
  const lab = await MappingLab.start({ store: new MemoryStore(store.entries), media });
  t.teardown(() => lab.close());
  for (const [name, agent] of before.agents) lab.attach(name, agent);
  while (!["a", "b"].every((name) => lab.core.agents.session(name)?.connected === true))
    await new Promise((resolve) => setImmediate(resolve));
  media.flushes.length = 0;
  return lab;
}

test("a device that the controller cannot open is synced by the agents that have it, once nobody writes there, as it is taken out by force", async (t) => {
  const lab = await withoutA(t);
  const { core, media } = lab;
  await removeDevice(core, "/a", "force");
  t.deepEqual(media.flushes.toSorted(), ["a /a", "b /a"]);
  t.deepEqual(states(lab), ["removed", "online"]);
  const entry = core.records.devices.values().find(({ path }) => path === "/a");
  t.like(entry, { removed: true, leaving: undefined });
  for (const agent of ["a", "b"]) t.deepEqual(await lab.device(agent, "data").flush(), { kind: "ok" });
  t.deepEqual(media.flushes.slice(2).toSorted(), ["a /b", "b /b"], "it is nobody's any more");
  await sound(t, lab);
});

test("where one of them cannot sync it, no flush succeeds through any agent until it is opened again", async (t) => {
  const lab = await withoutA(t);
  const { core, media } = lab;
  media.failures.add("flush a /a");
  await removeDevice(core, "/a", "force");
  t.is(core.records.unsynced.values().length, 1);
  for (const agent of ["a", "b"]) t.deepEqual(await lab.device(agent, "data").flush(), { kind: "not-ready" });
  media.failures.clear();
  media.replaced.clear();
  await openDevice(core, "/a");
  for (const agent of ["a", "b"]) t.deepEqual(await lab.device(agent, "data").flush(), { kind: "ok" });
  await sound(t, lab);
});

test("what a controller that died had not synced of a device that was being taken out, the next one has synced", async (t) => {
  const lab = await withoutA(t);
  const { core, media } = lab;
  const record = core.records.devices.values().find(({ path }) => path === "/a") as DeviceRecord;
  const failing = { ...record, closed: true, removed: true, leaving: "failing" } as const;
  await core.records.devices.save(core.options.store, String(record.device), failing);
  await failLost(core, failing);
  t.deepEqual(media.flushes.toSorted(), ["a /a", "b /a"]);
  t.is(core.records.devices.get(String(record.device))?.leaving, undefined);
  await sound(t, lab);
});
