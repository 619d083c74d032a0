import type { BlockRange } from "node-iscsi-target/injection/bad-blocks.ts";

/** A fault on demand as it is kept: its text is the whole of it. */
export interface InjectionRecord {
  readonly name: string;
  readonly text: string;
  /** ms since 1970; what `from` and `until` count from. */
  readonly addedAtMs: number;
  /** It was to happen once, and has. */
  readonly done: boolean;
  /** Of bad blocks: what was written anew. */
  readonly repaired?: readonly BlockRange[];
}
