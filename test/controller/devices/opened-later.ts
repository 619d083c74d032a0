/** Devices that an agent opens after a sync of them has failed: the kernel tells it nothing of that, so others have to (rule 7). */
import { addExport, removeExport } from "@sanlab/controller/access.ts";
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
