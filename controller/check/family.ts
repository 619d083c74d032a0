/** The tables of one family: their chunks are there, their segments exist and are theirs, and their counts are right. */
import { CHUNK_ENTRIES } from "node-iscsi-target/mapping/entry.ts";
import type { AllRecords, DiskRecord } from "../records.ts";
import type { Store } from "../store/store.ts";
import { chunkKey, type Location, locationAt, locationName, rootKey, words } from "../tables/layout.ts";
import type { Claims } from "./claims.ts";
import type { Problem } from "./problem.ts";

/** Chunk number by disk, at one index of their roots. */
type Column = ReadonlyMap<DiskRecord, number>;

export async function familyProblems(
  store: Store,
  records: AllRecords,
  family: string,
  disks: readonly DiskRecord[],
  claims: Claims,
): Promise<Problem[]> {
  const problems: Problem[] = [];
  const roots = new Map<DiskRecord, Uint32Array>();
  for (const disk of disks) roots.set(disk, words(await store.get(rootKey(disk.table))));
  const counts = new Map(disks.map((disk) => [disk, { mapped: 0, own: 0 }]));
  const columns = Math.max(0, ...[...roots.values()].map((root) => root.length));
  const earlier = new Set<number>();
  for (let index = 0; index < columns; index += 1) {
    const column = new Map([...roots].map(([disk, root]) => [disk, root[index] ?? 0]));
    const chunks = await chunksOf(store, column, claims, problems, earlier);
    problems.push(...columnProblems(records, family, index, column, chunks, claims, counts));
  }
  for (const [{ name, table }, { mapped, own }] of counts) {
    const usage = records.usage.get(table) ?? { mapped: 0, own: 0 };
    if (usage.mapped === mapped && usage.own === own) continue;
    const message = `Disk '${name}' is said to hold ${usage.mapped} segments, ${usage.own} of them alone; its table holds ${mapped}, ${own} alone.`;
    problems.push({ code: "usage", message });
  }
  return problems;
}

/** The chunks of a column; `earlier`: numbers that another index has named. */
async function chunksOf(
  store: Store,
  column: Column,
  claims: Claims,
  problems: Problem[],
  earlier: Set<number>,
): Promise<Map<number, Uint32Array>> {
  const chunks = new Map<number, Uint32Array>();
  for (const [disk, number] of column) {
    if (number === 0 || chunks.has(number)) continue;
    if (earlier.has(number) || claims.numbers.has(number)) {
      problems.push({
        code: "chunk-twice",
        message: `Chunk ${number} of disk '${disk.name}' is named at another place too.`,
      });
    }
    const entries = words(await store.get(chunkKey(number)));
    if (entries.length === 0) {
      problems.push({ code: "chunk-missing", message: `Chunk ${number} of disk '${disk.name}' is missing.` });
    }
    chunks.set(number, entries);
  }
  for (const number of chunks.keys()) {
    earlier.add(number);
    claims.numbers.add(number);
    claims.chunks.add(chunkKey(number));
  }
  return chunks;
}

function columnProblems(
  records: AllRecords,
  family: string,
  index: number,
  column: Column,
  chunks: ReadonlyMap<number, Uint32Array>,
  claims: Claims,
  counts: ReadonlyMap<DiskRecord, { mapped: number; own: number }>,
): Problem[] {
  const problems: Problem[] = [];
  for (let at = 0; at < CHUNK_ENTRIES; at += 1) {
    const holders = new Map<string, DiskRecord[]>();
    for (const [disk, number] of column) {
      const entries = chunks.get(number);
      const location = entries && entries.length > 0 ? locationAt(entries, at * 2) : undefined;
      if (location === undefined) continue;
      const where = `segment ${index * CHUNK_ENTRIES + at} of family ${family}`;
      const key = locationName(location);
      if (!holders.has(key)) problems.push(...placeProblems(records, claims, location, where, disk.name));
      holders.set(key, [...(holders.get(key) ?? []), disk]);
    }
    for (const disks of holders.values()) {
      for (const disk of disks) {
        const count = counts.get(disk) as { mapped: number; own: number };
        count.mapped += 1;
        if (disks.length === 1) count.own += 1;
      }
    }
  }
  return problems;
}

function placeProblems(
  records: AllRecords,
  claims: Claims,
  location: Location,
  where: string,
  disk: string,
): Problem[] {
  const device = records.devices.get(String(location.device));
  const problems: Problem[] = [];
  if (device === undefined || location.segment < 1 || location.segment >= device.segments) {
    const message = `Disk '${disk}' has ${where} at ${locationName(location)}, which is no place on a device of this lab.`;
    problems.push({ code: "location", message });
  }
  const claimed = claims.claim(location, where);
  return claimed === undefined ? problems : [...problems, claimed];
}
