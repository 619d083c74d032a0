/** Records that are none, records without which nothing can be mended, and numbers that would be given out again. */
import { MAX_DEVICE_SEGMENT } from "node-iscsi-target/mapping/entry.ts";
import type { DeviceRecord, DiskRecord, LabRecord } from "../records.ts";
import type { Findings } from "./problem.ts";
import type { Kind } from "./record-shapes.ts";
import type { Stored } from "./stored.ts";

/** What goes with a record of this kind that nobody can read; a kind without a row costs nothing: a repair makes it again. */
const LOST_WITH: Partial<Record<Kind, string>> = {
  devices: "What lies on the device cannot be found any more.",
  disks: "What the disk held is kept as a disk 'found-…'; its name, its identity and its exports are lost.",
  views: "Make the table again, and export it; what its segments hold is the disk's, and stays.",
  agents: "Add the agent again.",
  hosts: "Let the host in again.",
  exports: "Export the disk to the host again.",
  zones: "Make the zone again.",
  zoneSets: "Make the zone set again.",
  aliases: "Make the alias again.",
  fabric: "Activate the zone set again.",
  units: "The reservations of a disk and its mode parameters are lost.",
  wwns: "The port gets another world-wide name.",
  remote: "Open the port for other machines again.",
  injections: "Add the fault again.",
  operations: "Begin the operation again.",
};
/** Of pools, as they are made. */
const LEAST_SEGMENT_BYTES = 65_536;
const SEGMENT_UNIT_BYTES = 4096;
export const FROM_A_COPY = "restore controller.sqlite in the state directory from a copy";

export function unreadableRecords(stored: Stored, findings: Findings): void {
  for (const [key, { field, said, says }] of stored.mended) {
    const problem = `The record ${key} says ${said === undefined ? "nothing" : shown(said)} for ${field}, which cannot be.`;
    findings.add("record", problem, `It says ${says === undefined ? "nothing" : shown(says)}.`, true);
  }
  for (const key of stored.unknown) {
    findings.add("key", `The entry ${key} is of no kind that there is.`, "It is removed.");
    stored.delete(key);
  }
  for (const [key, kind] of stored.unreadable) {
    if (stored.isMade(key)) continue;
    if (isNeeded(stored, key)) {
      findings.add("record", `The record ${key} cannot be read; ${FROM_A_COPY}.`, null);
      continue;
    }
    const lost = LOST_WITH[kind];
    findings.add(
      "record",
      `The record ${key} cannot be read.`,
      `It is removed. ${lost ?? ""}`.trim(),
      lost !== undefined,
    );
    stored.delete(key);
  }
}

/** Without these nothing can be mended. */
function isNeeded({ records: { lab, pools, devices, disks } }: Stored, key: string): boolean {
  const used = [...devices.values(), ...disks.values()].map(({ pool }) => pools.key(pool));
  return key === lab.key("lab") || used.includes(key);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** A pool's devices tell its record, where only one size of segments fits them all. */
export function pools(stored: Stored, findings: Findings): void {
  const { pools: records, devices } = stored.records;
  for (const [name, theirs] of Map.groupBy(devices.values(), ({ pool }) => pool)) {
    const [segmentBytes, ...others] = segmentSizes(theirs);
    if (records.has(name) || segmentBytes === undefined || others.length > 0) continue;
    const isUnreadable = stored.unreadable.some(([key]) => key === records.key(name));
    findings.add(
      "pool",
      `The record of pool '${name}' ${isUnreadable ? "cannot be read" : "is missing"}.`,
      `By its devices it has segments of ${segmentBytes} bytes; first writes do not wait while it is full.`,
      true,
    );
    stored.save(records, name, { name, segmentBytes, queueWhenFullMs: 0 });
  }
}

/** That so many of them fit on each of the devices, ascending. */
function segmentSizes(devices: readonly DeviceRecord[]): number[] {
  // It may be longer than its segments.
  if (devices.some(({ segments }) => segments > MAX_DEVICE_SEGMENT)) return [];
  const least = Math.max(...devices.map(({ sizeBytes, segments }) => sizeBytes / (segments + 1)));
  const most = Math.min(...devices.map(({ sizeBytes, segments }) => sizeBytes / segments));
  const sizes: number[] = [];
  const first = Math.max(LEAST_SEGMENT_BYTES, (Math.floor(least / SEGMENT_UNIT_BYTES) + 1) * SEGMENT_UNIT_BYTES);
  for (let size = first; size <= most && sizes.length < 2; size += SEGMENT_UNIT_BYTES) sizes.push(size);
  return sizes;
}

/** Nothing of the tables can be judged without these. */
export function missingFoundations(stored: Stored, findings: Findings): void {
  const { lab, pools, disks } = stored.records;
  const isUnreadable = stored.unreadable.some(([key]) => key === lab.key("lab"));
  if (lab.get("lab") === undefined && !isUnreadable)
    findings.add("lab", `The record of the lab is missing; ${FROM_A_COPY}.`, null);
  for (const [name, { pool }] of [...deviceEntries(stored), ...disks.entries().map(diskEntry)]) {
    if (pools.has(pool) || stored.unreadable.some(([key]) => key === pools.key(pool))) continue;
    findings.add("pool", `${name} is of pool '${pool}', whose record is missing; ${FROM_A_COPY}.`, null);
  }
}

function deviceEntries({ records }: Stored): [name: string, { pool: string }][] {
  return records.devices.values().map((device) => [`Device ${device.path}`, device]);
}
function diskEntry([name, disk]: [string, DiskRecord]): [name: string, { pool: string }] {
  return [`Disk '${name}'`, disk];
}

/** Numbers that are in use count as given out. Before any number is taken for a repair. */
export function numbers(stored: Stored, findings: Findings): void {
  const { lab, devices } = stored.records;
  const record = lab.get("lab");
  if (record === undefined) return;
  let highest = 0;
  // There may be more of them than a call takes arguments.
  for (const number of usedNumbers(stored)) highest = Math.max(highest, number);
  const highestDevice = Math.max(0, ...devices.values().map(({ device }) => device));
  const isBehind = highest > record.nextNumber;
  const isDeviceBehind = record.lastDevice !== undefined && highestDevice > record.lastDevice;
  if (!isBehind && !isDeviceBehind) return;
  const [last, used] = isBehind ? [record.nextNumber, highest] : [record.lastDevice, highestDevice];
  findings.add(
    "number",
    `Number ${used} is in use, and the last one given out is ${last}.`,
    "The count goes on above it.",
  );
  const mended: LabRecord = { ...record, nextNumber: Math.max(record.nextNumber, highest) };
  stored.save(lab, "lab", isDeviceBehind ? { ...mended, lastDevice: highestDevice } : mended);
}

function* usedNumbers({ records, roots, chunks }: Stored): Generator<number> {
  yield* chunks.numbers();
  const units = [...records.disks.values().map(({ table }) => table), ...records.views.values().map(({ id }) => id)];
  const tables = [...roots.keys(), ...units];
  const ids = [...records.releases.values(), ...records.operations.values()].map(({ id }) => id);
  for (const name of [...tables.map((table) => table.slice(1)), ...ids]) {
    const number = Number(name);
    // A number beyond those of chunks was never given out.
    if (Number.isSafeInteger(number) && number < 2 ** 31) yield number;
  }
}
