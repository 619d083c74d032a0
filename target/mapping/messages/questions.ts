/** Questions, controller → agent: not numbered, answered with `answer`. */
import type { Envelope } from "./session.ts";

export interface Question extends Envelope {
  readonly type: "question";
  readonly request: number;
  readonly ask:
    | { readonly what: "entries"; readonly table: string; readonly first: number; readonly count: number } // get_entry
    | { readonly what: "counters" }
    | { readonly what: "sessions" };
}
export interface Answer extends Envelope {
  readonly type: "answer";
  readonly request: number;
  readonly result: unknown;
}
