/**
 * A state directory with a record of every kind that a store has, as a controller leaves it that is killed in the midst of a
 * copy (step 560), with segments allocated ahead, and a migration under way.
 */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addExport, addHost, putZone } from "@sanlab/controller/access.ts";
import { createDisk } from "@sanlab/controller/disks.ts";
import { activate, putAlias, putZoneSet } from "@sanlab/controller/fabric/changes.ts";
import { addFault } from "@sanlab/controller/injection/injections.ts";
import { beginOperation } from "@sanlab/controller/migration/operations.ts";
import { createPool } from "@sanlab/controller/pools.ts";
import { takeSnapshots } from "@sanlab/controller/snapshots/snapshots.ts";
import { SqliteStore } from "@sanlab/controller/store/sqlite-store.ts";
import { isLeaseKey } from "@sanlab/controller/store/store.ts";
import { createView } from "@sanlab/controller/views/views.ts";
import { FRESH_UNIT } from "node-iscsi-target/mapping/messages/units.ts";
import type { Template } from "./damaged-lab.ts";
import { MappingLab, MemoryMedia, SEGMENT } from "./mapping-lab.ts";
import { MemoryStore } from "./memory-store.ts";

/** Of each disk. */
export const ALL_SEGMENTS = 32;

/**
 * Disk "data" holds 1 in its segments 0 to 3, 9 in segment 0 since its snapshot "data-snap"; "other" 100 in 0 and 3, taken
 * with it at one instant as "other-snap"; "clone" is of "data". "seq" is written from its beginning, "moving" is on its way from
 * pool "spare". Table "part" shows segments 20 to 23 of "data".
 */
export async function makeTemplateOfAll(): Promise<Template> {
  const store = new MemoryStore();
  const media = new MemoryMedia();
  const lab = await MappingLab.start({ store, media });
  const { core } = lab;
  const device = (path: string) => ({ path, sizeBytes: 256 * SEGMENT });
  await createPool(core, { name: "main", segmentBytes: SEGMENT, devices: [device("/one"), device("/two")] });
  await createPool(core, { name: "spare", segmentBytes: SEGMENT, devices: [device("/three")] });
  const disks = ["data", "other", "seq"];
  for (const name of disks) await createDisk(core, { name, pool: "main", sizeBytes: ALL_SEGMENTS * SEGMENT });
  await createDisk(core, { name: "moving", pool: "spare", sizeBytes: ALL_SEGMENTS * SEGMENT });
  await lab.addAgents("a", "b");
  await addHost(core, { name: "second", iqn: "iqn.2026-11.example:second" });
  await lab.expose(...disks, "moving");
  for (const segment of [2, 0, 1, 3]) await lab.write("a", "data", segment, 1);
  for (const segment of [0, 3]) await lab.write("a", "other", segment, 100);
  for (let segment = 0; segment < 8; segment += 1) await lab.write("a", "moving", segment, 50);
  await takeSnapshots(core, {
    snapshots: [
      { disk: "data", name: "data-snap" },
      { disk: "other", name: "other-snap" },
    ],
    readOnly: true,
  });
  await takeSnapshots(core, { snapshots: [{ disk: "data", name: "clone" }], kind: "clone" });
  await lab.expose("data-snap", "clone");
  await createView(core, "data", { name: "part", ranges: [{ first: 20, count: 4 }] });
  await addExport(core, { host: "second", disk: "data", table: "part" });
  await putAlias(core, { name: "nodes", members: ["host:second", "agent:b"] }, true);
  await putZone(core, { name: "few", hosts: [], agents: [], disks: ["data"], members: ["nodes"] }, true);
  await putZoneSet(core, { name: "set", zones: ["all", "few"] }, true);
  await activate(core, "set");
  await recordsBesides(lab);
  await lab.read("b", "clone", 0);
  await beginOperation(core, { kind: "migrate", disk: "moving", pool: "main", rate: SEGMENT });
  for (let segment = 0; segment < 6; segment += 1) await lab.write("b", "seq", segment, 60);
  const left = await killedAtCopy(lab, store);
  lab.close();
  return { directory: await written(left), media };
}

/** Of kinds that come about in other ways than by the mapping. */
async function recordsBesides({ core }: MappingLab): Promise<void> {
  const { records, options } = core;
  const { store } = options;
  await addFault(core, { name: "slow", text: "on disk=data do delay 1ms" });
  await records.sharing.save(store, "lab", { direct: false });
  const table = records.disks.get("data")?.table ?? "";
  const holder = { initiatorPort: "iqn.2026-11.example:host,i,0x400000000000", relativePortId: 1 };
  const reservations = {
    generation: 1,
    persistent: true,
    registrations: [{ ...holder, key: "00000000000000aa" }],
    reservation: { type: 1, holder },
  };
  await records.units.save(store, `unit-${table}`, { ...FRESH_UNIT, revision: 1, reservations, answered: {} });
}

/** What is stored at the instant at which the record of a copy is. */
async function killedAtCopy(lab: MappingLab, store: MemoryStore): Promise<ReadonlyMap<string, Uint8Array>> {
  let left: ReadonlyMap<string, Uint8Array> | undefined;
  const end = store.watch("copying/", () => {
    left ??= new Map(store.entries);
  });
  await lab.write("a", "data", 0, 9);
  end();
  if (left === undefined) throw new Error("nothing was copied");
  return left;
}

async function written(entries: ReadonlyMap<string, Uint8Array>): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "sanlab-damage-"));
  const store = new SqliteStore(join(directory, "controller.sqlite"));
  const puts = [...entries].filter(([key]) => !isLeaseKey(key));
  await store.commit({ puts });
  await store.close();
  return directory;
}
