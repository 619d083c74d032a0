/**
 * What the record of a disk says, against what its table holds: nothing lies behind its end, or in a
 * pool that it is not of; and no two disks are one to their hosts.
 */
import { identityOf } from "../disks.ts";
import type { DiskRecord } from "../records.ts";
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
  for (const { name } of stored.records.disks.values()) {
    for (const mend of [size, whereabouts, identity]) {
      const disk = stored.records.disks.get(name) as DiskRecord;
      const mended = mend(stored, findings, extents, disk);
      if (mended !== undefined) stored.save(stored.records.disks, name, mended);
    }
  }
}

function size(stored: Stored, findings: Findings, extents: Extents, disk: DiskRecord): DiskRecord | undefined {
  const { segmentBytes } = stored.records.pools.get(disk.pool) ?? { segmentBytes: 0 };
  const last = extents.last(disk.table);
  const isBehind = last >= Math.ceil(disk.sizeBytes / segmentBytes);
  if (!isBehind && disk.sizeBytes % BLOCK_BYTES === 0 && disk.sizeBytes > 0) return undefined;
  const blocks = Math.max(1, Math.ceil(disk.sizeBytes / BLOCK_BYTES)) * BLOCK_BYTES;
  const sizeBytes = isBehind ? (last + 1) * segmentBytes : blocks;
  findings.add(
    "size",
    `Disk '${disk.name}' is said to have ${disk.sizeBytes} bytes, ${isBehind ? `and has something in segment ${last}` : `no whole number of blocks`}.`,
    `It has ${sizeBytes} bytes.`,
  );
  return { ...disk, sizeBytes };
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
  const isApart = more.length > 0 || pools.get(other)?.segmentBytes !== pools.get(disk.pool)?.segmentBytes;
  const lies = `Disk '${disk.name}' is said to lie in pool '${disk.pool}', and has segments in ${[other, ...more].map((pool) => `'${pool}'`).join(" and ")}`;
  findings.add(
    "pool-of-disk",
    `${lies}${isApart ? ", which nothing can bring together; restore controller.sqlite in the state directory from a copy" : ""}.`,
    isApart ? null : `It is on its way from there: 'sanlab disk migrate ${disk.name} --pool ${disk.pool}' ends that.`,
  );
  return isApart ? undefined : { ...disk, from: other };
}

/** Multipath takes two disks of one NAA for one, and writes to either. */
function identity(stored: Stored, findings: Findings, _: Extents, disk: DiskRecord): DiskRecord | undefined {
  const number = Number(disk.table.slice(1));
  const right = identityOf(stored.lab?.cluster ?? "", number);
  const isOurs = (id: string, digits: number) => Number.parseInt(id.slice(-digits), 16) === number;
  if (isOurs(disk.naa, 16) && isOurs(disk.serial, 8)) return undefined;
  findings.add(
    "identity",
    `Disk '${disk.name}' has NAA ${disk.naa} and serial number ${disk.serial}, which are not those of its table ${disk.table}.`,
    `It has ${right.naa} and ${right.serial} again.`,
  );
  return { ...disk, ...right };
}
