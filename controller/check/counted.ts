/** Counts and maps that follow from the tables: segments that each disk holds, segments that are used. */
import { CHUNK_ENTRIES } from "node-iscsi-target/mapping/entry.ts";
import { deviceOf, segmentOf } from "node-iscsi-target/mapping/mapping-table.ts";
import type { DeviceRecord, DiskRecord, UsageRecord } from "../records.ts";
import { SegmentBits } from "../space/segment-bits.ts";
import { USED_PAGE_BYTES } from "../space/used-map.ts";
import { type Location, type LocationRun, locationsOf, runsOf, usedKey } from "../tables/layout.ts";
import type { Claims } from "./claims.ts";
import { COLUMNS_AT_ONCE, SEGMENTS_AT_ONCE, turn } from "./pace.ts";
import type { Findings } from "./problem.ts";
import type { Stored } from "./stored.ts";

/** Of a record of what is on its way back. */
const RUNS_AT_ONCE = 4096;

type Counts = { mapped: number; own: number };

/** What is set aside or on its way back lies on a device, and is nobody's. */
export function setAside(stored: Stored, findings: Findings, claims: Claims): void {
  const { records } = stored;
  const kept = (runs: readonly LocationRun[], isOfPool: (device: number) => boolean) =>
    [...locationsOf(runs.filter(isRun))].filter(
      ({ device, segment }) => claims.isPlace(device, segment) && isOfPool(device) && claims.setAside(device, segment),
    );
  const tell = (count: number, what: string) =>
    findings.add(
      "set-aside",
      `Of the segments that are ${what}, ${count} ${count === 1 ? "is" : "are"} held by a disk, or on no device of the pool.`,
      "They are taken off that record.",
    );
  for (const release of records.releases.values()) {
    const runs = runsOf(kept(release.runs, () => true));
    if (count(runs) === count(release.runs)) continue;
    tell(count(release.runs) - count(runs), `on their way back (${release.id})`);
    if (runs.length === 0) stored.drop(records.releases, release.id);
    else stored.save(records.releases, release.id, { ...release, runs });
  }
  for (const reserve of records.reserves.values()) {
    if (!records.pools.has(reserve.pool)) {
      findings.add("set-aside", `Segments are set aside in pool '${reserve.pool}', which is not there.`, "Removed.");
      stored.drop(records.reserves, reserve.pool);
      continue;
    }
    const isOfPool = (device: number) => records.devices.get(String(device))?.pool === reserve.pool;
    const runs = runsOf(kept(reserve.runs, isOfPool));
    if (count(runs) === count(reserve.runs)) continue;
    tell(count(reserve.runs) - count(runs), `set aside in pool '${reserve.pool}'`);
    stored.save(records.reserves, reserve.pool, { ...reserve, runs });
  }
}

/** A bit for each segment that somebody holds, and for no other. What nobody holds is released at the next start, once no agent has it. */
export async function usedSegments(stored: Stored, findings: Findings, claims: Claims): Promise<void> {
  const pages = new Set<string>();
  const leaked: Location[] = [];
  for (const device of stored.records.devices.values()) {
    const bits = bitsOf(stored, findings, device, pages);
    const changed = new Set<number>();
    const holds = claims.holds(device.device);
    for (let segment = 0; segment < device.segments; segment += 1) {
      if (segment % SEGMENTS_AT_ONCE === 0) await turn();
      const isHeld = holds(segment);
      if (bits.has(segment) === isHeld) continue;
      changed.add(Math.floor(segment / (USED_PAGE_BYTES * 8)));
      if (isHeld) {
        findings.segment("segment-free", device.path, segment, "counted as free, and in use", "Counted as used again.");
        bits.set(segment);
        continue;
      }
      findings.segment("segment-leaked", device.path, segment, "counted as used, and nobody holds it", "Released.");
      if (segment === 0) bits.clear(segment);
      else leaked.push({ device: device.device, segment });
    }
    for (const page of changed) stored.setUsed(device.device, page, bits.page(page, USED_PAGE_BYTES));
  }
  if (leaked.length > 0) {
    const tables = stored.records.disks.values().map(({ table }) => table);
    const runs = runsOf(leaked);
    for (let first = 0; first < runs.length; first += RUNS_AT_ONCE) {
      const id = String(stored.nextNumber());
      stored.save(stored.records.releases, id, { id, runs: runs.slice(first, first + RUNS_AT_ONCE), tables });
    }
  }
  for (const key of stored.used.keys()) {
    if (pages.has(key)) continue;
    findings.add("used-page", `${key} is no page of a device of this lab.`, "It is removed.");
    stored.delete(key);
  }
}

function bitsOf(stored: Stored, findings: Findings, device: DeviceRecord, pages: Set<string>): SegmentBits {
  const bits = new SegmentBits(device.segments);
  for (let page = 0; page * USED_PAGE_BYTES * 8 < device.segments; page += 1) {
    const key = usedKey(device.device, page);
    pages.add(key);
    const value = stored.used.get(key);
    if (value === undefined) continue;
    const isWhole = value.length <= USED_PAGE_BYTES && value.length % 4 === 0;
    const isBeyond = hasBitFrom(value, device.segments - page * USED_PAGE_BYTES * 8);
    if (isWhole && !isBeyond) bits.load(page, USED_PAGE_BYTES, value);
    else {
      const has = isWhole ? "counts segments behind its end" : `has ${value.length} bytes`;
      findings.add("used-page", `Page ${page} of the used segments of ${device.path} ${has}.`, "It is made anew.");
      stored.setUsed(device.device, page, bits.page(page, USED_PAGE_BYTES));
    }
  }
  return bits;
}

function hasBitFrom(value: Uint8Array, first: number): boolean {
  for (let bit = first; bit < value.length * 8; bit += 1)
    if ((value[bit >>> 3] as number) & (1 << (bit & 7))) return true;
  return false;
}

/** How many segments each table maps, and how many of those no other has. */
export async function usages(stored: Stored, findings: Findings): Promise<void> {
  const { disks, usage } = stored.records;
  const counts = new Map<string, Counts>();
  for (const family of Map.groupBy(disks.values(), (disk) => disk.family).values())
    await countFamily(stored, family, counts);
  for (const { name, table } of disks.values()) {
    const { mapped, own } = counts.get(table) as Counts;
    const said = usage.get(table) ?? { mapped: 0, own: 0 };
    if (said.mapped === mapped && said.own === own) continue;
    findings.add(
      "usage",
      `Disk '${name}' is said to hold ${said.mapped} segments, ${said.own} of them alone; its table holds ${mapped}, ${own} alone.`,
      "They are counted anew.",
    );
    const record: UsageRecord = { table, mapped, own };
    stored.save(usage, table, record);
  }
  for (const { table } of usage.values()) {
    if (counts.has(table)) continue;
    findings.add("usage-leaked", `Table ${table} is counted, but no disk has it.`, "The count is removed.");
    stored.drop(usage, table);
  }
}

async function countFamily(stored: Stored, disks: readonly DiskRecord[], counts: Map<string, Counts>): Promise<void> {
  const { roots, chunks } = stored;
  for (const { table } of disks) counts.set(table, { mapped: 0, own: 0 });
  const columns = Math.max(0, ...disks.map(({ table }) => roots.get(table)?.length ?? 0));
  for (let index = 0; index < columns; index += 1) {
    if (index % COLUMNS_AT_ONCE === 0) await turn();
    const column = Map.groupBy(disks, ({ table }) => roots.get(table)?.[index] ?? 0);
    const contents: Uint32Array[] = [];
    const holders: DiskRecord[][] = [];
    for (const [number, theirs] of column) {
      if (number === 0) continue;
      contents.push((await chunks.get(number)) as Uint32Array);
      holders.push(theirs);
    }
    const lengths = holders.map(({ length }) => length);
    const sums =
      contents.length === 1 ? [countOne(contents[0] as Uint32Array, lengths[0] === 1)] : countColumn(contents, lengths);
    for (const [at, { mapped, own }] of sums.entries()) {
      for (const { table } of holders[at] as DiskRecord[]) {
        const count = counts.get(table) as Counts;
        count.mapped += mapped;
        count.own += own;
      }
    }
  }
}

/** Of each of the contents that the tables of a family have at one index; `holders`: how many have it. */
function countColumn(contents: readonly Uint32Array[], holders: readonly number[]): Counts[] {
  const sums = contents.map(() => ({ mapped: 0, own: 0 }));
  const held = new Map<number, number>();
  for (let at = 0; at < CHUNK_ENTRIES * 2; at += 2) {
    held.clear();
    for (const [number, entries] of contents.entries()) {
      const place = placeAt(entries, at);
      if (place !== 0) held.set(place, (held.get(place) ?? 0) + (holders[number] as number));
    }
    for (const [number, entries] of contents.entries()) {
      const place = placeAt(entries, at);
      const sum = sums[number] as Counts;
      if (place !== 0) sum.mapped += 1;
      if (place !== 0 && held.get(place) === 1) sum.own += 1;
    }
  }
  return sums;
}

/** Most chunks are shared by all who have one there. */
function countOne(entries: Uint32Array, isSingle: boolean): Counts {
  let mapped = 0;
  for (let at = 1; at < entries.length; at += 2) if (deviceOf(entries[at] as number) !== 0) mapped += 1;
  return { mapped, own: isSingle ? mapped : 0 };
}

/** One number for each location; 0: none. */
function placeAt(entries: Uint32Array, at: number): number {
  const device = deviceOf(entries[at + 1] as number);
  return device === 0 ? 0 : device * 2 ** 28 + segmentOf(entries[at] as number);
}

function isRun(run: unknown): run is LocationRun {
  const isNumber = (value: unknown) =>
    Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 29;
  return Array.isArray(run) && run.length === 3 && run.every(isNumber);
}

function count(runs: readonly unknown[]): number {
  return runs.reduce<number>((sum, run) => sum + (isRun(run) ? run[2] : 1), 0);
}
