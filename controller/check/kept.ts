/** Records that are none, that name what is not there, or that have numbers which were given out again. */
import { MAX_DEVICE_SEGMENT } from "node-iscsi-target/mapping/entry.ts";
import { exportName } from "../access.ts";
import type { DiskRecord, ExportRecord, LabRecord } from "../records.ts";
import type { Records } from "../store/records.ts";
import { exportedUnit } from "../units/unit.ts";
import { problemOfRanges } from "../views/ranges.ts";
import { viewKey } from "../views/record.ts";
import type { Findings } from "./problem.ts";
import type { Kind } from "./shapes.ts";
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
  sharing: "",
};
/** Without these nothing can be mended. */
const NEEDED: readonly Kind[] = ["lab", "pools"];
const FROM_A_COPY = "restore controller.sqlite in the state directory from a copy";

export function unreadableRecords(stored: Stored, findings: Findings): void {
  for (const key of stored.unknown) {
    findings.add("key", `The entry ${key} is of no kind that there is.`, "It is removed.");
    stored.delete(key);
  }
  for (const [key, kind] of stored.unreadable) {
    if (NEEDED.includes(kind)) {
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

/** Nothing of the tables can be judged without these. */
export function missingFoundations(stored: Stored, findings: Findings): void {
  const { lab, pools, devices, disks } = stored.records;
  const isUsed = disks.values().length + devices.values().length > 0;
  const isUnreadable = stored.unreadable.some(([, kind]) => kind === "lab");
  if (lab.get("lab") === undefined && isUsed && !isUnreadable)
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
  for (const name of [...tables.map((table) => table.slice(1)), ...records.releases.values().map(({ id }) => id)]) {
    const number = Number(name);
    if (Number.isSafeInteger(number)) yield number;
  }
}

/** A further table shows segments that its disk has, each once. Before exports. */
export function views(stored: Stored, findings: Findings): void {
  const { views: all, disks, pools } = stored.records;
  for (const [key, view] of all.entries()) {
    const disk = disks.get(view.disk);
    const ranges = view.ranges.map(([first, count]) => ({ first, count }));
    const { segmentBytes } = (disk && pools.get(disk.pool)) ?? { segmentBytes: 1 };
    const problem =
      disk === undefined
        ? `There is no disk '${view.disk}'.`
        : (problemOfRanges(ranges, { ...disk, segmentBytes }) ??
          (key === viewKey(view) ? undefined : "It is on record under another name."));
    if (problem === undefined) continue;
    findings.add("view", `Table '${view.name}' of disk '${view.disk}' cannot be: ${problem}`, "It is removed.", true);
    stored.drop(all as Records<object>, key);
  }
}

/** An export of what is not there would keep an agent from all that it is to have; of two in one LUN a host would see either. */
export function exports(stored: Stored, findings: Findings): void {
  const { exports: rows } = stored.records;
  const taken = new Map<string, string>();
  for (const [key, row] of rows.entries()) {
    const { host, disk, lun } = row;
    const missing = missingOf(stored, row);
    const other = taken.get(`${host} ${lun}`);
    const wrong =
      (missing && `but there is no ${missing}`) ??
      (other === undefined ? undefined : `in LUN ${lun}, as disk '${other}' is`) ??
      (key === exportName(row) ? undefined : `but by the record of ${key}`);
    if (wrong === undefined) taken.set(`${host} ${lun}`, disk);
    if (wrong === undefined) continue;
    const again = missing === undefined ? " Export the disk to the host again." : "";
    findings.add(
      "export",
      `Disk '${disk}' is exported to host '${host}', ${wrong}.`,
      `The export is removed.${again}`,
      missing === undefined,
    );
    stored.drop(rows as Records<object>, key);
  }
}

function missingOf({ records }: Stored, row: ExportRecord): string | undefined {
  const { host, disk, table } = row;
  if (!records.disks.has(disk)) return `disk '${disk}'`;
  if (!records.hosts.has(host)) return `host '${host}'`;
  return exportedUnit(records, row) === undefined ? `table '${table}' of disk '${disk}'` : undefined;
}

/** A device has as many segments as fit on it. */
export function devices({ records }: Stored, findings: Findings): void {
  for (const { path, pool, sizeBytes, segments } of records.devices.values()) {
    const { segmentBytes } = records.pools.get(pool) ?? { segmentBytes: 0 };
    if (segmentBytes === 0 || segments === Math.min(Math.floor(sizeBytes / segmentBytes), MAX_DEVICE_SEGMENT + 1))
      continue;
    const has = `${path} is said to have ${sizeBytes} bytes and ${segments} segments of ${segmentBytes} bytes`;
    findings.add("device", `${has}, which cannot be; ${FROM_A_COPY}.`, null);
  }
}
