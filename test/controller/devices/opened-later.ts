/** Devices that an agent opens after a sync of them has failed: the kernel tells it nothing of that, so others have to (rule 7). */
import { addExport, removeExport } from "@sanlab/controller/access.ts";
import { openDevice } from "@sanlab/controller/devices/removal.ts";
import { createDisk } from "@sanlab/controller/disks.ts";
import { createPool } from "@sanlab/controller/pools.ts";
import test, { type ExecutionContext } from "ava";
import type { AgentCore } from "node-iscsi-target/agent/core.ts";
import { MappingLab, MemoryMedia, SEGMENT } from "../../helpers/mapping-lab.ts";
import { MemoryStore } from "../../helpers/memory-store.ts";

const LOST = { kind: "medium-error", offset: 0 };

/** Disk 'data' in pool 'main' on /a, which agents a and b have written to. */
async function startLab(t: ExecutionContext, store = new MemoryStore()): Promise<MappingLab> {
  const lab = await MappingLab.start({ store, media: new MemoryMedia() });
  t.teardown(() => lab.close());
  const devices = [{ path: "/a", sizeBytes: 9 * SEGMENT }];
  await createPool(lab.core, { name: "main", segmentBytes: SEGMENT, devices });
  await createDisk(lab.core, { name: "data", pool: "main", sizeBytes: 4 * SEGMENT });
  await lab.addAgents("a", "b");
  await lab.expose("data");
  for (const agent of ["a", "b"]) await lab.write(agent, "data", 0, 1);
  return lab;
}

/** The next controller, which opens /a now, and what is left of the one before: agent a's process. */
async function next(t: ExecutionContext, before: MappingLab, store: MemoryStore): Promise<[MappingLab, AgentCore]> {
  const lab = await MappingLab.start({ store: new MemoryStore(store.entries), media: before.media });
  t.teardown(() => lab.close());
  return [lab, before.agents.get("a") as AgentCore];
}

function shows(lab: MappingLab, agent: string): boolean {
  return lab.agents.get(agent)?.tables.has(lab.core.records.disks.get("data")?.table ?? "") === true;
}

async function shown(lab: MappingLab, agent: string): Promise<void> {
  while (!shows(lab, agent)) await new Promise((resolve) => setImmediate(resolve));
}

function unsynced({ core }: MappingLab): number {
  return core.records.unsynced.values().length;
}

test("an agent that was told of a failed sync while there was no controller is heard before a fresh process of another shows the disk", async (t) => {
  const store = new MemoryStore();
  const before = await startLab(t, store);
  before.close();
  before.media.failures.add("flush a /a");
  t.deepEqual(await before.device("a", "data").flush(), LOST);
  before.media.failures.clear();
  const [lab, a] = await next(t, before, store);
  lab.connect("b");
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.is(lab.core.agents.session("b")?.connected, true);
  t.false(shows(lab, "b"));
  lab.attach("a", a);
  await shown(lab, "b");
  t.is(unsynced(lab), 1);
  t.deepEqual(await lab.device("b", "data").flush(), LOST);
  t.deepEqual(lab.bugs, []);
});

test("an agent that has outlived the controller and was not told yet syncs by what it has open, before a fresh process of another shows the disk", async (t) => {
  const store = new MemoryStore();
  const before = await startLab(t, store);
  before.close();
  const [lab, a] = await next(t, before, store);
  lab.media.failures.add("flush a /a");
  lab.attach("a", a);
  lab.connect("b");
  await shown(lab, "b");
  t.deepEqual(lab.media.flushes, ["a /a"]);
  lab.media.failures.clear();
  t.is(unsynced(lab), 1);
  t.deepEqual(await lab.device("b", "data").flush(), LOST);
  t.deepEqual(lab.bugs, []);
});

test("where the syncs succeed, the disk is shown and flushed; who has outlived the controller syncs once for all who come", async (t) => {
  const store = new MemoryStore();
  const before = await startLab(t, store);
  before.close();
  const [lab, a] = await next(t, before, store);
  lab.attach("a", a);
  lab.connect("b");
  await shown(lab, "b");
  await lab.addAgents("c");
  await shown(lab, "c");
  t.deepEqual(lab.media.flushes, ["a /a"]);
  t.deepEqual(await lab.device("b", "data").flush(), { kind: "ok" });
  t.is(unsynced(lab), 0);
});

test("an agent to which a disk comes anew opens its devices anew, and hears of a sync that failed meanwhile before it shows the disk", async (t) => {
  const lab = await startLab(t);
  await removeExport(lab.core, "host", "data");
  for (const agent of ["a", "b"]) t.false(shows(lab, agent));
  lab.media.failures.add("sync /a 0");
  await addExport(lab.core, { host: "host", disk: "data" });
  lab.media.failures.clear();
  t.is(unsynced(lab), 1);
  for (const agent of ["a", "b"]) t.deepEqual(await lab.device(agent, "data").flush(), LOST);
  t.deepEqual(lab.bugs, []);
});

test("a device that an agent opens while it shows the disk already is not flushed with success until others have synced it", async (t) => {
  const lab = await startLab(t);
  const { core, media } = lab;
  media.failures.add("open c /a");
  await lab.addAgents("c");
  await shown(lab, "c");
  t.deepEqual(await lab.device("c", "data").flush(), { kind: "not-ready" });
  media.failures.clear();
  media.failures.add("sync /a 0");
  const opening = core.agents.reconcile();
  while ((await lab.device("c", "data").flush()).kind === "not-ready")
    await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(await lab.device("c", "data").flush(), LOST);
  await opening;
  media.failures.clear();
  t.is(unsynced(lab), 1);
  t.deepEqual(await lab.device("c", "data").flush(), LOST);
  t.deepEqual(lab.bugs, []);
});

test("one that others have synced since is flushed with success", async (t) => {
  const lab = await startLab(t);
  lab.media.failures.add("open c /a");
  await lab.addAgents("c");
  await shown(lab, "c");
  lab.media.failures.clear();
  await lab.core.agents.reconcile();
  t.deepEqual(await lab.device("c", "data").flush(), { kind: "ok" });
  t.is(unsynced(lab), 0);
});

test("a device of which a sync had failed is opened anew by all agents before any of them syncs it again", async (t) => {
  const lab = await startLab(t);
  const { core, media } = lab;
  media.failures.add("flush a /a");
  t.deepEqual(await lab.device("a", "data").flush(), LOST);
  while (unsynced(lab) === 0) await new Promise((resolve) => setImmediate(resolve));
  await core.agents.reconcile();
  media.failures.clear();
  const b = lab.agents.get("b") as AgentCore;
  const receive = b.receive.bind(b);
  const late: Parameters<typeof receive>[0][] = [];
  b.receive = (message) => void late.push(message);
  media.flushes.length = 0;
  const opening = openDevice(core, "/a");
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.deepEqual(await lab.device("a", "data").flush(), LOST);
  t.deepEqual(media.flushes, [], "what this agent were told, b would never be");
  t.like(late[0], { type: "add_device", openings: 1, unsynced: true });
  b.receive = receive;
  for (const message of late) receive(message);
  await opening;
  for (const agent of ["a", "b"]) t.deepEqual(await lab.device(agent, "data").flush(), { kind: "ok" });
  t.is(unsynced(lab), 0);
  t.deepEqual(lab.bugs, []);
});

test("an agent that cannot open a device again after a failed sync lets go of it, and waits for others once it can", async (t) => {
  const lab = await startLab(t);
  const { core, media } = lab;
  media.failures.add("flush a /a");
  t.deepEqual(await lab.device("a", "data").flush(), LOST);
  while (unsynced(lab) === 0) await new Promise((resolve) => setImmediate(resolve));
  media.failures.clear();
  media.failures.add("open b /a");
  await openDevice(core, "/a");
  t.deepEqual(await lab.device("a", "data").flush(), { kind: "ok" });
  t.deepEqual(await lab.device("b", "data").flush(), { kind: "not-ready" });
  media.failures.clear();
  media.flushes.length = 0;
  await core.agents.reconcile();
  t.deepEqual(media.flushes, ["a /a"], "the controller has opened it no earlier than a");
  t.deepEqual(await lab.device("b", "data").flush(), { kind: "ok" });
  t.deepEqual(lab.bugs, []);
});
