/** What is on record as under way: copies of step 560, segments allocated ahead, and operations that move segments. */
import { CHUNK_ENTRIES, EntryState } from "node-iscsi-target/mapping/entry.ts";
import { MOST_UNSEEN } from "../families/runs.ts";
import type { OperationRecord } from "../migration/record.ts";
import type { CopyRecord, DiskRecord } from "../records.ts";
import { locationAt, locationName, wordOf } from "../tables/layout.ts";
import type { Findings } from "./problem.ts";
import type { Stored } from "./stored.ts";

type Copy = CopyRecord["copies"][number];

/** A copy under way is in the tables: the others have it, and the table that faulted what it had (step 550). */
export async function copies(stored: Stored, findings: Findings): Promise<void> {
  const { copies: records } = stored.records;
  for (const record of records.values()) {
    const left: Copy[] = [];
    for (const copy of record.copies) {
      const wrong = await wrongCopy(stored, record.family, copy);
      if (wrong === undefined) left.push(copy);
      else {
        const says = `A copy of segment ${copy.segment} is on record as under way in family ${record.family}, ${wrong}.`;
        findings.add("copying", says, "It is taken off the record.");
      }
    }
    if (left.length === record.copies.length) continue;
    if (left.length === 0) stored.drop(records, record.family);
    else stored.save(records, record.family, { ...record, copies: left });
  }
}

async function wrongCopy(
  stored: Stored,
  family: string,
  { table, segment, others }: Copy,
): Promise<string | undefined> {
  const members = new Map(disksOf(stored, family).map((disk) => [disk.table, disk]));
  for (const one of [table, ...others]) {
    const disk = members.get(one);
    if (disk === undefined) return `for table ${one}, which it does not have`;
    if (segment >= segmentsOf(stored, disk)) return `and disk '${disk.name}' ends before it`;
  }
  const original = await entryOf(stored, table, segment);
  if (original === "zero") return `and disk '${members.get(table)?.name}' has nothing there`;
  for (const other of others) {
    const copy = await entryOf(stored, other, segment);
    const name = members.get(other)?.name;
    if (copy === "zero") return `and disk '${name}' has nothing there`;
    if (copy !== "error" && copy === original) return `and disk '${name}' has no copy there`;
  }
  return undefined;
}

/** Where it lies; what fails may have lost its place. */
async function entryOf({ roots, chunks }: Stored, table: string, segment: number): Promise<string> {
  const entries = await chunks.get(roots.get(table)?.[Math.floor(segment / CHUNK_ENTRIES)] ?? 0);
  const at = wordOf(segment);
  const location = entries && locationAt(entries, at);
  if (location !== undefined) return locationName(location);
  return ((entries?.[at] ?? 0) & EntryState.ERROR) === 0 ? "zero" : "error";
}

/** Segments are allocated ahead where a thin disk is written, and a few at a time. */
export function ahead(stored: Stored, findings: Findings): void {
  const { ahead: records } = stored.records;
  for (const record of records.values()) {
    const members = new Map(disksOf(stored, record.family).map((disk) => [disk.table, disk]));
    const ranges = record.ranges.filter(([table, first, count]) => {
      const disk = members.get(table);
      const wrong = disk === undefined ? "which it does not have" : wrongRange(stored, disk, first, count);
      if (wrong === undefined) return true;
      const of = `Segments ${first} to ${first + count - 1} of table ${table}`;
      const says = `${of} are on record as allocated ahead in family ${record.family}, ${wrong}.`;
      findings.add("ahead", says, "They are taken off the record.");
      return false;
    });
    if (ranges.length === record.ranges.length) continue;
    if (ranges.length === 0) stored.drop(records, record.family);
    else stored.save(records, record.family, { ...record, ranges });
  }
}

function wrongRange(stored: Stored, disk: DiskRecord, first: number, count: number): string | undefined {
  if (disk.thick) return `and disk '${disk.name}' is thick`;
  if (disk.readOnly) return `and disk '${disk.name}' is not written`;
  if (first + count > segmentsOf(stored, disk)) return `and disk '${disk.name}' ends before them`;
  return count > MOST_UNSEEN ? `which are more than ${MOST_UNSEEN}` : undefined;
}

/** One that runs moves what there is, and nobody else moves that. */
export function operations(stored: Stored, findings: Findings): void {
  const { operations: records } = stored.records;
  const taken = new Map<string, string>();
  for (const operation of records.values()) {
    if (operation.state !== "running") continue;
    const { id, task } = operation;
    const pools = poolsOf(stored, task);
    const other = pools.flatMap((pool) => taken.get(pool) ?? [])[0];
    const wrong =
      wrongTask(stored, task) ??
      (other === undefined ? undefined : `which operation ${other} moves segments of already`);
    if (wrong === undefined) {
      for (const pool of pools) taken.set(pool, id);
      continue;
    }
    const says = `Operation ${id} (${task.kind}) is said to run in pool '${task.pool}', ${wrong}.`;
    findings.add("operation", says, "It has failed; begin it again.", true);
    stored.save(records, id, { ...operation, state: "failed", problem: `A check found what cannot be: ${says}` });
  }
}

function wrongTask({ records }: Stored, task: OperationRecord["task"]): string | undefined {
  if (!records.pools.has(task.pool)) return "which is not there";
  if (task.kind === "evacuate") {
    const device = records.devices.get(String(task.device));
    if (device?.pool !== task.pool) return `which has no device ${task.device}`;
    return device.closed === true ? undefined : `whose device ${device.path} takes segments meanwhile`;
  }
  if (task.kind === "rebalance") return undefined;
  const disk = records.disks.get(task.disk);
  if (disk !== undefined && disk.family !== task.family)
    return `for disk '${disk.name}', which is not of family ${task.family}`;
  const elsewhere = records.disks.values().find(({ family, pool }) => family === task.family && pool !== task.pool);
  return elsewhere && `and disk '${elsewhere.name}' is of pool '${elsewhere.pool}'`;
}

function poolsOf(stored: Stored, task: OperationRecord["task"]): string[] {
  if (task.kind !== "migrate") return [task.pool];
  return [...new Set([task.pool, ...disksOf(stored, task.family).flatMap(({ pool, from = pool }) => [pool, from])])];
}

function disksOf({ records }: Stored, family: string): DiskRecord[] {
  return records.disks.values().filter((disk) => disk.family === family);
}

function segmentsOf({ records }: Stored, { pool, sizeBytes }: DiskRecord): number {
  return Math.ceil(sizeBytes / (records.pools.get(pool)?.segmentBytes ?? 1));
}
