/** The shapes of work on segments of disks that are there: restored, moved, made to fail. */
/** A disk becomes what this snapshot, or clone, of the same family is now. */
export interface RestoreRequest {
  readonly snapshot: string;
  /** Although hosts have sessions to it: they are told by a unit attention. */
  readonly force?: boolean;
}
/** Segments that fail from now on, with this sense (3/11/00, UNRECOVERED READ ERROR, unless it says another). */
export interface ErrorRequest {
  readonly first: number;
  readonly count: number;
  readonly sense?: { readonly senseKey: number; readonly asc: number; readonly ascq: number };
}
/** A device that was taken out. "gone": for good; "removed": on record, until it is back or said to be lost. */
export interface DeviceRemoval {
  readonly device: string;
  readonly state: "gone" | "removed";
  /** What fails from now on, or is lost where the device is gone; segments also as numbers and ranges (`3`, `5-9`). */
  readonly lost: readonly { readonly disk: string; readonly segments: number; readonly ranges: readonly string[] }[];
}
/** Segments to move: all of a disk's family to another pool, all that lie on a device to others of its pool, or what makes a pool uneven. */
export type OperationRequest = (
  | { readonly kind: "migrate"; readonly disk: string; readonly pool: string }
  | { readonly kind: "evacuate"; readonly device: string }
  | { readonly kind: "rebalance"; readonly pool: string }
) & {
  /** Bytes a second at most. */
  readonly rate?: number;
};
export interface Operation {
  readonly id: string;
  readonly kind: "migrate" | "evacuate" | "rebalance";
  readonly pool: string;
  readonly disk: string | null;
  readonly device: string | null;
  readonly state: "running" | "done" | "cancelled" | "failed";
  readonly createdAt: string;
  readonly total: number;
  readonly moved: number;
  /** What could not be read stays where it is. */
  readonly stayed: readonly {
    readonly disks: readonly string[];
    readonly segment: number;
    readonly device: string | null;
    readonly deviceSegment: number;
    readonly reason: string;
  }[];
  readonly rate: number | null;
  readonly problem: string | null;
}
