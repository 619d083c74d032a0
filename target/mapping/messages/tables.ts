/** Mapping tables: made and deleted, entries set, faults and unmaps asked for and answered. */
import type { Envelope, Numbered } from "./session.ts";

/** A table, all Inv at the agent. Table ids are never reused. */
export interface CreateTable extends Numbered {
  readonly type: "create_table";
  readonly table: string;
  readonly segmentBytes: number;
  readonly blockBytes: number;
  /** Capacity in bytes; the last segment may be used in part. */
  readonly sizeBytes: number;
  readonly thin: boolean;
  /** Its segments lie on the devices of these pools: of one, except on the way to another. */
  readonly pools: readonly string[];
}
/** The capacity, or the pools, changed; new segments begin as Inv, those past the end are gone (acknowledged after their drain). */
export interface ResizeTable extends Numbered {
  readonly type: "resize_table";
  readonly table: string;
  readonly sizeBytes: number;
  readonly pools: readonly string[];
}
/** Acknowledged when every reference has ended. */
export interface DeleteTable extends Numbered {
  readonly type: "delete_table";
  readonly table: string;
}

/** A run of entries: `count` entries of equal states; locations ascend from `location` where there is one. */
export interface EntryRun {
  readonly count: number;
  readonly states: number;
  readonly device?: number;
  readonly segment?: number;
  readonly sense?: readonly [senseKey: number, asc: number, ascq: number];
}
export interface SetEntry extends Numbered {
  readonly type: "set_entry";
  readonly table: string;
  readonly first: number;
  readonly runs: readonly EntryRun[];
  /** The blocking flag (280). */
  readonly blocking: boolean;
  /** The table's generation as of these contents: it grows with every change of the table. */
  readonly generation: number;
}
/** A `set_entry` with the blocking flag on every entry of a table: Nw (250) is added to what is there, and locations stay. The first step of a snapshot. */
export interface ProtectTable extends Numbered {
  readonly type: "protect_table";
  readonly table: string;
}
/**
 * Whole chunk of a table, as a binary frame: uint32 LE length of the JSON header, the header
 * (this object), then CHUNK_BYTES of entries. Acts as a `set_entry` without blocking, but only
 * on entries that are Inv at the agent.
 */
export interface ChunkFrame extends Numbered {
  readonly type: "chunk";
  readonly table: string;
  readonly chunk: number;
  readonly generation: number;
}

/** The end of a fault: the held I/O looks at its entries again, or fails with the report. */
export interface FaultResponse extends Numbered {
  readonly type: "fault_response";
  readonly table: string;
  readonly fault: number;
  readonly outcome: "retry" | { readonly senseKey: number; readonly asc: number; readonly ascq: number };
}
/** The end of an unmap: done; or stale (the entries changed since the generation it named: look again). */
export interface UnmapResponse extends Numbered {
  readonly type: "unmap_response";
  readonly table: string;
  readonly request: number;
  readonly outcome: "done" | "stale" | { readonly senseKey: number; readonly asc: number; readonly ascq: number };
}

// --- Agent → controller ------------------------------------------------------------------------

/** An I/O needs entries that the agent's copy does not give it. Repeated after a reconnection until it is answered. */
export interface Fault extends Envelope {
  readonly type: "fault";
  readonly fault: number;
  readonly table: string;
  readonly generation: number;
  readonly first: number;
  readonly count: number;
  readonly access: "read" | "write";
}

/** Whole segments to give back. `generation`: the newest that the agent applied to the chunk that holds them; void if any entry changed since. Never crosses a chunk. */
export interface Unmap extends Envelope {
  readonly type: "unmap";
  readonly request: number;
  readonly table: string;
  readonly generation: number;
  readonly first: number;
  readonly count: number;
}
