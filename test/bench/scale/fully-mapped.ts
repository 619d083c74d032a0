/**
 * Disks that are mapped to their last segment, without a write for each: their tables are written into the
 * store of a lab that is down, by the controller's own code for records, tables, space and transactions.
 */
import { join } from "node:path";
import { AllRecords, type DiskRecord, type LabRecord } from "@sanlab/controller/records.ts";
import { Allocator } from "@sanlab/controller/space/allocator.ts";
import { UsedMap } from "@sanlab/controller/space/used-map.ts";
import { Commits } from "@sanlab/controller/store/commits.ts";
import { SqliteStore } from "@sanlab/controller/store/sqlite-store.ts";
import { bytes, chunkKey, type Location, rootKey } from "@sanlab/controller/tables/layout.ts";
import { CHUNK_ENTRIES } from "node-iscsi-target/mapping/entry.ts";
import { encodeWord1 } from "node-iscsi-target/mapping/mapping-table.ts";

/** Chunks of a table in one transaction. */
const CHUNKS_AT_ONCE = 256;

/** @param state of a lab that is down; its pools have room for all segments of the disks */
export async function mapFully(state: string, disks: readonly string[]): Promise<void> {
  const store = new SqliteStore(join(state, "controller.sqlite"));
  try {
    const records = new AllRecords();
    await records.load(store);
    const [used, allocator] = [new UsedMap(), new Allocator()];
    for (const { device, pool, segments } of records.devices.values()) {
      allocator.addDevice(device, pool, segments, await used.load(store, device, segments));
    }
    for (const name of disks) {
      await mapOne({ commits: new Commits(store), records, used, allocator }, records.disks.get(name) as DiskRecord);
    }
  } finally {
    await store.close();
  }
}

interface Space {
  readonly commits: Commits;
  readonly records: AllRecords;
  readonly used: UsedMap;
  readonly allocator: Allocator;
}

async function mapOne(space: Space, { table, pool, sizeBytes }: DiskRecord): Promise<void> {
  const { commits, records, used, allocator } = space;
  const { segmentBytes } = records.pools.get(pool) as { segmentBytes: number };
  const segments = Math.ceil(sizeBytes / segmentBytes);
  const root = new Uint32Array(Math.ceil(segments / CHUNK_ENTRIES));
  for (let first = 0; first < root.length; first += CHUNKS_AT_ONCE) {
    await commits.run((change) => {
      let lab = records.lab.get("lab") as LabRecord;
      for (let chunk = first; chunk < Math.min(root.length, first + CHUNKS_AT_ONCE); chunk += 1) {
        lab = { ...lab, nextNumber: lab.nextNumber + 1 };
        root[chunk] = lab.nextNumber;
        const count = Math.min(CHUNK_ENTRIES, segments - chunk * CHUNK_ENTRIES);
        const places = Array.from({ length: count }, () => allocator.take(pool) as Location);
        change.put([chunkKey(lab.nextNumber), bytes(entriesAt(places))]);
        used.mark(change, places, true);
      }
      change.put(records.lab.put("lab", lab)).learn(() => records.lab.learn("lab", lab));
      change.put([rootKey(table), bytes(root)]);
      change.put(records.usage.put(table, { table, mapped: segments, own: segments }));
    });
  }
}

function entriesAt(places: readonly Location[]): Uint32Array {
  const entries = new Uint32Array(CHUNK_ENTRIES * 2);
  for (const [at, { device, segment }] of places.entries()) entries.set([segment, encodeWord1({ device })], at * 2);
  return entries;
}
