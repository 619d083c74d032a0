/** Questions, controller → agent: not numbered, answered with `answer`. */
import type { Envelope } from "./session.ts";

export interface Question extends Envelope {
  readonly type: "question";
  readonly request: number;
  readonly ask:
    | { readonly what: "tables" } // their ids
    | { readonly what: "units" } // their ids, tables, and what they show of these
    | { readonly what: "chunks"; readonly table: string; readonly first: number; readonly count: number } // of those that are known here, [chunk, CRC32C of its entries as they stand in memory]
    | { readonly what: "entries"; readonly table: string; readonly first: number; readonly count: number } // get_entry
    /** Whether I/O is under way there: a drain would wait for it. */
    | { readonly what: "held"; readonly table: string; readonly first: number; readonly count: number }
    | { readonly what: "counters" }
    | { readonly what: "sessions" };
}
export interface Answer extends Envelope {
  readonly type: "answer";
  readonly request: number;
  readonly result: unknown;
}
