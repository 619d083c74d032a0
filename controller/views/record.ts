import type { SegmentRange } from "node-iscsi-target/mapping/protocol.ts";
import type { AllRecords } from "../records.ts";

/** A further table of a disk (seed A3): which of its segments its hosts see, in this order. It holds none of them. */
export interface ViewRecord {
  /** Unique among the tables of the disk. */
  readonly name: string;
  readonly disk: string;
  /** Never reused. */
  readonly id: string;
  readonly ranges: readonly SegmentRange[];
  /** Of all the ranges; the disk's last segment is in it as it was when the table was made. */
  readonly sizeBytes: number;
  readonly naa: string;
  readonly serial: string;
  /** RFC 3339. */
  readonly createdAt: string;
}

export function viewKey({ disk, name }: Pick<ViewRecord, "disk" | "name">): string {
  return `${disk}/${name}`;
}

export function viewsOf({ views }: Pick<AllRecords, "views">, disk: string): ViewRecord[] {
  return views.values().filter((view) => view.disk === disk);
}

export function shows({ ranges }: ViewRecord, segment: number): boolean {
  return ranges.some(([first, count]) => segment >= first && segment < first + count);
}
