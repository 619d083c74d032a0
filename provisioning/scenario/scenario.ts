/** A scenario as its file describes it, checked: a timeline of faults, administrative steps and expectations. */
import type { Check } from "./checks.ts";

export interface Scenario {
  readonly name: string;
  readonly description: string;
  /** Absolute path. */
  readonly file: string;
  /** Absolute path of the lab file; null: the lab that runs. */
  readonly lab: string | null;
  /** For the timeline as a whole, ms. */
  readonly limitMs: number;
  readonly steps: readonly Step[];
}

/** All of them must hold. */
export type Condition = readonly Check[];

/** One entry of a timeline. */
export interface Step {
  readonly name: string;
  readonly line: number;
  /** Not before this time since the timeline began, ms. */
  readonly atMs: number;
  /** Not before this time since the step before it was over, ms. */
  readonly afterMs: number;
  /** Not before this holds; waited for as long as `withinMs`. */
  readonly when: Condition | null;
  /** Done again and again beside the steps that follow; null: done once. */
  readonly every: Repetition | null;
  /** How long a condition is waited for, or the step may take, ms. */
  readonly withinMs: number;
  /** How long an expectation must hold without a break, ms; 0: once is enough. */
  readonly holdsMs: number;
  readonly does: Doing;
}

export interface Repetition {
  readonly everyMs: number;
  /** At most so often; null: until the timeline is over. */
  readonly times: number | null;
  readonly until: Condition | null;
}

export type Doing =
  | { readonly kind: "expect"; readonly condition: Condition }
  | { readonly kind: "fault"; readonly name: string; readonly text: string }
  /** Null: all faults of the lab. */
  | { readonly kind: "clear"; readonly fault: string | null }
  | { readonly kind: "sanlab"; readonly args: readonly string[]; readonly exit: number; readonly says: string | null }
  | ({ readonly kind: "run" } & GuestCommand)
  | { readonly kind: "load"; readonly load: LoadSpec }
  | { readonly kind: "stop"; readonly load: string }
  | { readonly kind: "remember"; readonly what: Memory; readonly as: string };

/** A disk as a host reads it, or how far a load has come. */
export type Memory = { readonly host: string; readonly disk: string } | { readonly load: string };

export interface GuestCommand {
  readonly host: string;
  readonly command: readonly string[];
  /** The exit code with which it must end. */
  readonly exit: number;
  /** A regular expression that its output must match; null: any output. */
  readonly output: string | null;
}

/** I/O that a guest does on its own, one after another, and keeps account of. */
export interface LoadSpec {
  readonly name: string;
  readonly host: string;
  readonly target: { readonly disk: string } | { readonly file: string };
  readonly kind: "write" | "read";
  readonly blockBytes: number;
  /** So many blocks from the start, round and round. */
  readonly blocks: number;
  /** Between the end of one and the begin of the next, ms. */
  readonly everyMs: number;
}

export const DEFAULT_LIMIT_MS = 600_000;
export const DEFAULT_WITHIN_MS = 30_000;
