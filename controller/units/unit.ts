/** Every logical unit there is: a disk as a whole, and each further table of one (seed A3). */
import type { AllRecords, DiskRecord } from "../records.ts";
import { type ViewRecord, viewKey, viewsOf } from "../views/record.ts";

export interface Unit {
  readonly id: string;
  /** `DISK`, or `DISK/TABLE`. */
  readonly name: string;
  readonly disk: DiskRecord;
  /** Absent: the whole disk. */
  readonly view?: ViewRecord;
  readonly naa: string;
  readonly serial: string;
  readonly sizeBytes: number;
}

export function unitOf(disk: DiskRecord, view?: ViewRecord): Unit {
  const { naa, serial, sizeBytes } = view ?? disk;
  const id = view === undefined ? unitId(disk) : unitIdOf(view);
  const name = view === undefined ? disk.name : viewKey(view);
  return { id, name, disk, naa, serial, sizeBytes, ...(view && { view }) };
}

/** Of a disk as a whole. */
export function unitId({ table }: DiskRecord): string {
  return `unit-${table}`;
}
/** Of a further table. */
export function unitIdOf({ id }: ViewRecord): string {
  return `unit-${id}`;
}

/** The unit that an export is of; undefined where it is not there. */
export function exportedUnit(
  { disks, views }: AllRecords,
  { disk: name, table }: { readonly disk: string; readonly table?: string },
): Unit | undefined {
  const disk = disks.get(name);
  const view = table === undefined ? undefined : views.get(viewKey({ disk: name, name: table }));
  if (disk === undefined || (table !== undefined && view === undefined)) return undefined;
  return unitOf(disk, view);
}

/** Of one disk: itself, and its further tables. */
export function unitsOf(records: AllRecords, disk: DiskRecord): Unit[] {
  return [unitOf(disk), ...viewsOf(records, disk.name).map((view) => unitOf(disk, view))];
}

export function findUnit({ disks, views }: AllRecords, id: string): Unit | undefined {
  const disk = disks.values().find((one) => unitId(one) === id);
  if (disk !== undefined) return unitOf(disk);
  const view = views.values().find((one) => unitIdOf(one) === id);
  const shown = view && disks.get(view.disk);
  return shown && unitOf(shown, view);
}
