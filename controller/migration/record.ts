import type { Location } from "../tables/layout.ts";

/** What moves, and where to. */
export type Task =
  | { readonly kind: "migrate"; readonly disk: string; readonly family: string; readonly pool: string }
  | { readonly kind: "evacuate"; readonly device: number; readonly pool: string }
  | { readonly kind: "rebalance"; readonly pool: string };

/** A segment that stayed where it was. */
export interface Stay {
  readonly disks: readonly string[];
  readonly segment: number;
  readonly at: Location;
  readonly reason: string;
}

/** Work on record: what is left to move is read from the tables, so that it goes on after any crash. */
export interface OperationRecord {
  readonly id: string;
  readonly task: Task;
  readonly state: "running" | "done" | "cancelled" | "failed";
  /** RFC 3339. */
  readonly createdAt: string;
  /** Segments that were to move when it began; how many have, as of the last time this was written. */
  readonly total: number;
  readonly moved: number;
  readonly stayed: readonly Stay[];
  /** Bytes a second at most; null: as fast as it goes. */
  readonly rate: number | null;
  /** Why it failed, in a sentence. */
  readonly problem: string | null;
}
