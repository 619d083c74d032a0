/** Devices that are added, or opened again, while something else is in the way: a silent agent, a sync that hangs, one that fails just then. */
import { addExport } from "@sanlab/controller/access.ts";
import { openDevice, removeDevice } from "@sanlab/controller/devices/removal.ts";
import { heardOfUnsynced } from "@sanlab/controller/devices/unsynced.ts";
import { createDisk } from "@sanlab/controller/disks.ts";
import { createPool, growPool } from "@sanlab/controller/pools.ts";
import test, { type ExecutionContext } from "ava";
import type { AgentCore } from "node-iscsi-target/agent/core.ts";
import type { BlockDevice } from "node-iscsi-target/storage/block-device.ts";
import { MappingLab, MemoryMedia, SEGMENT } from "../../helpers/mapping-lab.ts";
import { MemoryStore } from "../../helpers/memory-store.ts";

const OK = { kind: "ok" };
const soon = (ms = 20) => new Promise((resolve) => setTimeout(resolve, ms));

/** An hour of the controller's in four seconds: it does not wait for long. */
const QUICK = {
  nowMs: () => performance.now() * 1000,
  dateMs: () => 0,
  after(ms: number, run: () => void) {
    const timer = setTimeout(run, ms / 1000);
    return () => clearTimeout(timer);
  },
};

/** Disk 'data' of agents a and b, and 'other' of agent c, in a pool of 5 segments for each path. */
async function startLab(t: ExecutionContext, store: MemoryStore, ...paths: string[]): Promise<MappingLab> {
  const lab = await MappingLab.start({ store, media: new MemoryMedia(), clock: QUICK });
  t.teardown(() => lab.close());
  const devices = paths.map((path) => ({ path, sizeBytes: 5 * SEGMENT }));
  await createPool(lab.core, { name: "main", segmentBytes: SEGMENT, queueWhenFullMs: 2000, devices });
  await createDisk(lab.core, { name: "data", pool: "main", sizeBytes: 8 * SEGMENT });
  await createDisk(lab.core, { name: "other", pool: "main", sizeBytes: 2 * SEGMENT });
  await lab.addAgents("a", "b", "c");
  await addExport(lab.core, { host: "host", disk: "data", agents: ["a", "b"] });
  await addExport(lab.core, { host: "host", disk: "other", agents: ["c"] });
  await lab.expose();
  return lab;
}

/** The next controller, of which c has not heard yet, nor has b. */
async function next(t: ExecutionContext, before: MappingLab, store: MemoryStore): Promise<MappingLab> {
  before.close();
  const lab = await MappingLab.start({ store: new MemoryStore(store.entries), media: before.media });
  t.teardown(() => lab.close());
  lab.attach("a", before.agents.get("a"));
  while (lab.core.agents.session("a")?.connected !== true) await soon();
  return lab;
}

/** Its syncs never end. */
function hanging(device: BlockDevice): BlockDevice {
  const flush = () => new Promise(() => undefined);
  return new Proxy(device, { get: (target, key) => (key === "flush" ? flush : Reflect.get(target, key, target)) });
}

test("a pool that grows rescues the writes that wait for it, while an agent of another disk is silent", async (t) => {
  const store = new MemoryStore();
  const before = await startLab(t, store, "/a");
  for (const segment of [0, 1, 2, 3]) await before.write("a", "data", segment, 1);
  const lab = await next(t, before, store);
  lab.attach("b", before.agents.get("b"));
  const write = lab.write("a", "data", 5, 7);
  await soon();
  void growPool(lab.core, "main", { path: "/b", sizeBytes: 9 * SEGMENT });
  t.deepEqual(await write, OK);
});

test("what one agent has written to a device that is there again, another flushes, while a third is silent", async (t) => {
  const store = new MemoryStore();
  const before = await startLab(t, store, "/a", "/b");
  for (const segment of [0, 1, 2, 3, 4]) await before.write("a", "data", segment, 1);
  await before.read("b", "data", 0);
  await removeDevice(before.core, "/b", "force");
  const lab = await next(t, before, store);
  void openDevice(lab.core, "/b");
  await soon();
  lab.attach("b", before.agents.get("b"));
  await soon();
  for (const segment of [5, 6]) t.deepEqual(await lab.write("b", "data", segment, 7), OK);
  const written = Buffer.alloc(5 * SEGMENT);
  lab.media.devices.get("/b")?.read(0, written);
  t.true(written.includes(7), "it lies on the device that came back");
  lab.media.flushes.length = 0;
  t.deepEqual(await lab.device("a", "data").flush(), OK);
  t.true(lab.media.flushes.includes("a /b"));
});

test("a sync that fails as the device is opened again stays on record", async (t) => {
  const lab = await startLab(t, new MemoryStore(), "/a");
  const { core } = lab;
  const device = core.records.devices.values()[0]?.device as number;
  const heard = heardOfUnsynced(core, { device, openings: 0 });
  await openDevice(core, "/a");
  await heard;
  t.deepEqual(core.records.unsynced.values(), [{ device }]);
});

test("a sync that hangs at one agent keeps another's flushes waiting, and nobody from administration", async (t) => {
  const lab = await startLab(t, new MemoryStore(), "/a");
  const { core, media } = lab;
  for (const agent of ["a", "b"]) await lab.write(agent, "data", 0, 1);
  media.failures.add("flush a /a");
  t.not((await lab.device("a", "data").flush()).kind, "ok");
  while (core.records.unsynced.values().length === 0) await soon();
  await core.agents.reconcile();
  media.failures.clear();
  media.failures.add("open b /a");
  await openDevice(core, "/a");
  const a = lab.agents.get("a") as AgentCore;
  for (const open of a.devices.values()) Object.assign(open, { device: hanging(open.device) });
  media.failures.clear();
  await core.agents.reconcile();
  await createDisk(core, { name: "second", pool: "main", sizeBytes: SEGMENT });
  t.deepEqual(await lab.device("b", "data").flush(), { kind: "not-ready" });
  t.deepEqual(lab.bugs, []);
});

test("what lay on a device that was taken out by force is there again, though the controller dies as all open it anew", async (t) => {
  const store = new MemoryStore();
  const before = await startLab(t, store, "/a", "/b");
  for (const segment of [0, 1, 2, 3, 4, 5]) await before.write("a", "data", segment, 1 + segment);
  before.media.failures.add("sync /a 0");
  await removeDevice(before.core, "/a", "force");
  before.media.failures.clear();
  const b = before.agents.get("b") as AgentCore;
  const receive = b.receive.bind(b);
  b.receive = () => undefined;
  void openDevice(before.core, "/a").catch(() => undefined);
  const record = () => before.core.records.devices.values().find(({ path }) => path === "/a");
  while (record()?.openings !== 1) await soon(1);
  b.receive = receive;
  const lab = await next(t, before, store);
  for (const name of ["b", "c"]) lab.attach(name, before.agents.get(name));
  t.is(lab.core.records.unsynced.values().length, 1);
  await openDevice(lab.core, "/a");
  for (const segment of [0, 1, 2, 3, 4, 5]) t.is(await lab.read("b", "data", segment), 1 + segment);
  t.deepEqual(await lab.device("b", "data").flush(), OK);
  t.deepEqual(lab.bugs, []);
});
