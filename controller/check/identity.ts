/**
 * Which table a disk has, and of which family it is. A disk's table, NAA and serial number are of one
 * number (`disks.ts`); a family is named by the table of the disk from which all in it come.
 */
import { identityOf } from "../disks.ts";
import type { DiskRecord } from "../records.ts";
import { sameLocation } from "../tables/layout.ts";
import type { Findings } from "./problem.ts";
import type { Stored } from "./stored.ts";

export type Identity = Pick<DiskRecord, "naa" | "serial">;

/** Every identity has digits of the cluster in it: where all of them have others than the lab's record, that is wrong. */
export function cluster(stored: Stored, findings: Findings): void {
  const { lab, disks, views } = stored.records;
  const record = stored.lab;
  if (record === undefined) return;
  const said = digitsOf(record.cluster);
  const witnesses = [...disks.values(), ...views.values()].flatMap(({ naa, serial }) =>
    naa.startsWith("6525400") && naa.slice(7, 15) === serial.slice(0, 8) ? [naa.slice(7, 16)] : [],
  );
  const [right, ...others] = new Set(witnesses);
  if (right === undefined || others.length > 0 || right === said) return;
  findings.add(
    "lab",
    `The cluster id is said to begin with ${said}, and that of every disk does with ${right}.`,
    `It begins with ${right} again.`,
  );
  const id = `${right.slice(0, 8)}-${right.slice(8)}${record.cluster.slice(10)}`;
  stored.save(lab, "lab", { ...record, cluster: id });
}

function digitsOf(id: string): string {
  return id.replaceAll("-", "").slice(0, 9);
}

export function tablesOfDisks(stored: Stored, findings: Findings): void {
  const { disks } = stored.records;
  for (const disk of disks.values()) {
    const table = tableByIdentity(disk);
    if (table === undefined || table === disk.table || isAnothers(stored, table, disk)) continue;
    findings.add(
      "table",
      `Disk '${disk.name}' is said to have table ${disk.table}, and by its NAA and serial number has ${table}.`,
      `It has ${table} again.`,
    );
    stored.save(disks, disk.name, { ...disk, table });
  }
  for (const [table, [owner, ...others]] of Map.groupBy(disks.values(), (disk) => disk.table)) {
    for (const disk of others) {
      const number = stored.nextNumber();
      const own = `t${number}`;
      // Hosts of the other must not take it for that.
      const isTwin = disk.naa === owner?.naa || disk.serial === owner?.serial;
      const identity = isTwin ? identityOf(stored.lab?.cluster ?? "", number) : {};
      findings.add(
        "table-twice",
        `Disks '${owner?.name}' and '${disk.name}' have one table, ${table}.`,
        `Disk '${disk.name}' gets another, all of which fails when it is read.`,
        true,
      );
      stored.save(disks, disk.name, { ...disk, ...identity, table: own, family: own, origin: null });
      stored.tornRoots.add(own);
    }
  }
}

/** Where another has that table by both its table and its identity, a disk that has a table to itself has the wrong identity. */
function isAnothers({ records }: Stored, table: string, disk: DiskRecord): boolean {
  const disks = records.disks.values();
  const isTheirs = disks.some(
    (other) => other.name !== disk.name && other.table === table && tableByIdentity(other) === table,
  );
  return isTheirs && !disks.some((other) => other.name !== disk.name && other.table === disk.table);
}

/** By NAA and serial number alike. */
export function tableByIdentity({ naa, serial }: Identity): string | undefined {
  const [ofNaa, ofSerial] = [/^[0-9a-f]{16}([0-9a-f]{16})$/.exec(naa)?.[1], /([0-9a-f]{8})$/.exec(serial)?.[1]];
  if (ofNaa === undefined || ofSerial === undefined) return undefined;
  const number = Number.parseInt(ofNaa, 16);
  return number === Number.parseInt(ofSerial, 16) ? `t${number}` : undefined;
}

/** Who shares segments is of one family, whatever the records say; else, where a disk comes from tells. */
export async function familiesOfDisks(stored: Stored, findings: Findings): Promise<void> {
  const { disks } = stored.records;
  const byTable = new Map(disks.values().map((disk) => [disk.table, disk]));
  for (const disk of disks.values()) {
    const family = rightFamily(byTable, disk);
    if (family === undefined || family === disk.family) continue;
    if (await isKinOf(stored, disk, disk.family)) {
      findings.add(
        "family",
        `Disk '${disk.name}' is said to be made of ${disk.origin ?? "none"}, and shares segments with family ${disk.family}.`,
        `It is made of ${disk.family}.`,
      );
      stored.save(disks, disk.name, { ...disk, ...descent(disk) });
      continue;
    }
    findings.add(
      "family",
      `Disk '${disk.name}' is said to be of family ${disk.family}, and is of ${family}.`,
      "Put right.",
    );
    stored.save(disks, disk.name, { ...disk, family });
  }
}

function descent({ kind, table, family }: DiskRecord): Pick<DiskRecord, "origin" | "kind"> {
  if (table === family) return { origin: null, kind: "disk" };
  return { origin: family, kind: kind === "disk" ? "clone" : kind };
}

async function isKinOf({ records, roots, chunks }: Stored, disk: DiskRecord, family: string): Promise<boolean> {
  const root = roots.get(disk.table) ?? new Uint32Array(0);
  const kin = records.disks.values().filter((other) => other.family === family && other.table !== disk.table);
  for (const other of kin) {
    for (const [index, number] of root.entries()) {
      const [ours, theirs] = [await chunks.get(number), await chunks.get(roots.get(other.table)?.[index] ?? 0)];
      if (ours !== undefined && theirs !== undefined && sharesAny(ours, theirs)) return true;
    }
  }
  return false;
}

export function sharesAny(ours: Uint32Array, theirs: Uint32Array): boolean {
  for (let at = 0; at < Math.min(ours.length, theirs.length); at += 2) if (sameLocation(ours, theirs, at)) return true;
  return false;
}

/** Undefined where those that it comes from are gone, or it is what a restored disk had before. */
function rightFamily(byTable: ReadonlyMap<string, DiskRecord>, disk: DiskRecord): string | undefined {
  if (disk.operation === "deleting") return undefined;
  const passed = new Set<string>();
  for (let at = disk; !passed.has(at.table); ) {
    passed.add(at.table);
    if (at.origin === null) return at.table;
    const origin = byTable.get(at.origin);
    if (origin === undefined) return undefined;
    at = origin;
  }
  return undefined;
}
