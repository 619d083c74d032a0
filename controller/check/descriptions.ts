/**
 * What the record of a disk says, against what its table holds: nothing lies behind its end, or in a
 * pool that it is not of; and no two disks are one to their hosts.
 */
import { MAX_TABLE_SEGMENTS } from "node-iscsi-target/mapping/entry.ts";
import { identityOf } from "../disks.ts";
import type { DiskRecord } from "../records.ts";
import { type Identity, tableByIdentity } from "./identity.ts";
import { FROM_A_COPY } from "./kept.ts";
import type { Findings } from "./problem.ts";
import type { Stored } from "./stored.ts";

const BLOCK_BYTES = 512;

/** Where tables hold something, gathered while their entries are looked at. */
export class Extents {
  readonly #last = new Map<string, number>();
  readonly #devices = new Map<string, Set<number>>();

  note(disks: readonly DiskRecord[], lastSegment: number, devices: ReadonlySet<number>): void {
    for (const { table } of disks) {
      this.#last.set(table, Math.max(this.#last.get(table) ?? 0, lastSegment));
      this.#devices.set(table, devices.union(this.#devices.get(table) ?? new Set()));
    }
  }

  /** The last segment that lies somewhere; -1: none does. */
  last(table: string): number {
    return this.#last.get(table) ?? -1;
  }
  devices(table: string): number[] {
    return [...(this.#devices.get(table) ?? [])];
  }
}

/** A disk is not cut, and not moved, by its record alone: where that and the table differ, the table is right. */
export function descriptions(stored: Stored, findings: Findings, extents: Extents): void {
  // A disk is at least as large as its snapshots, whose sizes are to be right first.
  for (let isMended = true; isMended; ) {
    const largest = largestSnapshots(stored);
    isMended = eachMended(stored, (disk) => size(stored, findings, extents, largest, disk));
  }
  eachMended(stored, (disk) => whereabouts(stored, findings, extents, disk));
  eachMended(stored, (disk) => identity(stored, findings, disk));
}

/** Whether any was. */
function eachMended(stored: Stored, mend: (disk: DiskRecord) => DiskRecord | undefined): boolean {
  const { disks } = stored.records;
  let isAny = false;
  for (const disk of disks.values()) {
    const mended = mend(disk);
    if (mended === undefined) continue;
    stored.save(disks, disk.name, mended);
    isAny = true;
  }
  return isAny;
}

function size(
  stored: Stored,
  findings: Findings,
  extents: Extents,
  largest: ReadonlyMap<string, Sized>,
  disk: DiskRecord,
): DiskRecord | undefined {
  const { segmentBytes } = stored.records.pools.get(disk.pool) ?? { segmentBytes: 1 };
  const last = extents.last(disk.table);
  const held = (last + 1) * segmentBytes;
  const isBehind = last >= Math.ceil(disk.sizeBytes / segmentBytes);
  const snapshot = largest.get(disk.table);
  const larger = snapshot !== undefined && snapshot.bytes > disk.sizeBytes ? snapshot : undefined;
  const blocks = wholeBlocks(disk.sizeBytes);
  if (!isBehind && larger === undefined && blocks === disk.sizeBytes) return undefined;
  const isCut = isBehind || larger !== undefined;
  const ends = isCut ? [isBehind ? held : 0, endOfViews(stored, disk, segmentBytes), larger?.bytes ?? 0] : [];
  const sizeBytes = Math.max(blocks, ...ends);
  findings.add(
    "size",
    `Disk '${disk.name}' is said to have ${disk.sizeBytes} bytes, ${sizeProblem(isBehind ? last : undefined, larger)}.`,
    `It has ${sizeBytes} bytes.`,
  );
  return { ...disk, sizeBytes };
}

function wholeBlocks(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / BLOCK_BYTES)) * BLOCK_BYTES;
}

type Sized = { readonly name: string; readonly bytes: number };

function sizeProblem(last: number | undefined, larger: Sized | undefined): string {
  if (last !== undefined) return `and has something in segment ${last}`;
  if (larger !== undefined) return `and its snapshot '${larger.name}' ${larger.bytes}, although disks do not shrink`;
  return "no whole number of blocks";
}

/** Of the snapshots of each table that keep their size, the largest. */
function largestSnapshots({ records }: Stored): Map<string, Sized> {
  const largest = new Map<string, Sized>();
  for (const { name, origin, kind, readOnly, sizeBytes } of records.disks.values()) {
    if (origin === null || kind !== "snapshot" || !readOnly) continue;
    const bytes = wholeBlocks(sizeBytes);
    if (bytes > (largest.get(origin)?.bytes ?? 0)) largest.set(origin, { name, bytes });
  }
  return largest;
}

/** The end of the last segment that a further table shows, bytes: the disk had that when it was made. Less than a segment of it may be missing. */
function endOfViews({ records }: Stored, disk: DiskRecord, segmentBytes: number): number {
  const whole = records.views.values().filter((view) => {
    const segments = view.ranges.reduce((sum, [, count]) => sum + count, 0);
    return view.disk === disk.name && segments === Math.ceil(view.sizeBytes / segmentBytes);
  });
  const ends = whole.flatMap(({ ranges }) => ranges.map(([first, count]) => first + count));
  const last = Math.max(0, ...ends.filter((end) => end <= MAX_TABLE_SEGMENTS));
  return last > Math.ceil(disk.sizeBytes / segmentBytes) ? last * segmentBytes : 0;
}

function whereabouts(stored: Stored, findings: Findings, extents: Extents, disk: DiskRecord): DiskRecord | undefined {
  const { pools, devices } = stored.records;
  const { from, ...arrived } = disk;
  const isFrom = from === undefined || (pools.has(from) && from !== disk.pool);
  const used = extents.devices(disk.table).flatMap((device) => devices.get(String(device))?.pool ?? []);
  const [other, ...more] = new Set(used).difference(new Set([disk.pool]));
  if (isFrom && (other === undefined || (other === from && more.length === 0))) return undefined;
  if (other === undefined) {
    findings.add(
      "pool-of-disk",
      `Disk '${disk.name}' is said to come from pool '${from}', where it has nothing.`,
      "It does not.",
    );
    return arrived;
  }
  const lies = `Disk '${disk.name}' is said to lie in pool '${disk.pool}', and has segments in ${[other, ...more].map((pool) => `'${pool}'`).join(" and ")}`;
  if (more.length > 0 || pools.get(other)?.segmentBytes !== pools.get(disk.pool)?.segmentBytes) {
    findings.add("pool-of-disk", `${lies}, which nothing can bring together; ${FROM_A_COPY}.`, null);
    return undefined;
  }
  if (!used.includes(disk.pool) && !isBeingMoved(stored, disk)) {
    findings.add("pool-of-disk", `${lies}.`, `It lies in '${other}'.`);
    return { ...arrived, pool: other };
  }
  const repair = `It is on its way from there: 'sanlab disk migrate ${disk.name} --pool ${disk.pool}' ends that.`;
  findings.add("pool-of-disk", `${lies}.`, repair);
  return { ...disk, from: other };
}

/** To the pool where it is said to lie. */
function isBeingMoved({ records }: Stored, { family, pool }: DiskRecord): boolean {
  return records.operations
    .values()
    .some(
      ({ state, task }) =>
        state === "running" && task.kind === "migrate" && task.family === family && task.pool === pool,
    );
}

/** Multipath takes two disks of one NAA for one, and writes to either. */
function identity(stored: Stored, findings: Findings, disk: DiskRecord): DiskRecord | undefined {
  const right = rightIdentity(stored, findings, `Disk '${disk.name}'`, disk.table, disk);
  return right && { ...disk, ...right };
}

/** Of further tables. */
export function identitiesOfViews(stored: Stored, findings: Findings): void {
  const { views } = stored.records;
  const tables = stored.records.disks.values().map(({ table }) => table);
  const isAnothers = (id: string, key: string) =>
    tables.includes(id) || views.entries().some(([other, view]) => other !== key && view.id === id);
  const taken = new Set(tables);
  for (const [key, view] of views.entries()) {
    const of = `Table '${view.name}' of disk '${view.disk}'`;
    const said = tableByIdentity(view);
    const id =
      said === undefined || said === view.id || (isAnothers(said, key) && !isAnothers(view.id, key)) ? view.id : said;
    if (taken.has(id)) {
      findings.add("view", `${of} is said to be ${id}, as another is.`, "It is removed.", true);
      stored.drop(views, key);
      continue;
    }
    taken.add(id);
    if (id !== view.id)
      findings.add(
        "view",
        `${of} is said to be ${view.id}, and by its NAA and serial number is ${id}.`,
        `It is ${id} again.`,
      );
    const right = rightIdentity(stored, findings, of, id, view);
    if (id !== view.id || right !== undefined) stored.save(views, key, { ...view, id, ...right });
  }
}

function rightIdentity(
  stored: Stored,
  findings: Findings,
  of: string,
  table: string,
  { naa, serial }: Identity,
): Identity | undefined {
  const right = identityOf(stored.lab?.cluster ?? "", Number(table.slice(1)));
  if (naa === right.naa && serial === right.serial) return undefined;
  findings.add(
    "identity",
    `${of} has NAA ${naa} and serial number ${serial}, which are not those of its table ${table}.`,
    `It has ${right.naa} and ${right.serial} again.`,
  );
  return right;
}
