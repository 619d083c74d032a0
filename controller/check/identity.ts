/**
 * Which table a disk has, and of which family it is. A disk's table, NAA and serial number are of one
 * number (`disks.ts`); a family is named by the table of the disk from which all in it come.
 */
import { identityOf } from "../disks.ts";
import type { DiskRecord } from "../records.ts";
import type { Findings } from "./problem.ts";
import type { Stored } from "./stored.ts";

export function tablesOfDisks(stored: Stored, findings: Findings): void {
  const { disks } = stored.records;
  for (const disk of disks.values()) {
    const table = tableByIdentity(disk);
    if (table === undefined || table === disk.table) continue;
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

function tableByIdentity({ naa, serial }: DiskRecord): string | undefined {
  const [ofNaa, ofSerial] = [/^[0-9a-f]{16}([0-9a-f]{16})$/.exec(naa)?.[1], /([0-9a-f]{8})$/.exec(serial)?.[1]];
  if (ofNaa === undefined || ofSerial === undefined) return undefined;
  const number = Number.parseInt(ofNaa, 16);
  return number === Number.parseInt(ofSerial, 16) ? `t${number}` : undefined;
}

export function familiesOfDisks(stored: Stored, findings: Findings): void {
  const { disks } = stored.records;
  const byTable = new Map(disks.values().map((disk) => [disk.table, disk]));
  for (const disk of disks.values()) {
    const family = rightFamily(byTable, disk);
    if (family === undefined || family === disk.family) continue;
    findings.add(
      "family",
      `Disk '${disk.name}' is said to be of family ${disk.family}, and is of ${family}.`,
      "Put right.",
    );
    stored.save(disks, disk.name, { ...disk, family });
  }
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
