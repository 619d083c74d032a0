/** First writes that go through a table from segment to segment: how far ahead of each it is worth allocating. */

/** A run that was granted nothing for so long has ended. */
export const IDLE_MS = 300;
/** Of a family. Who writes here and there begins one with every write, and the oldest goes. */
const MOST_RUNS = 16;
/** Segments of a run that are looked at when it has ended; what lies before them has long been written. */
export const MOST_UNSEEN = 64;
/** A run counts as no longer than this, so that it notices soon that it has become slow. */
const LONGEST = 64;

export interface Run {
  readonly table: string;
  /** The segment behind all that was granted. */
  readonly next: number;
  readonly length: number;
  /** The first that was allocated ahead and was not looked at since; undefined: none. */
  readonly unseen: number | undefined;
  readonly grantedMs: number;
}

export class Runs {
  #runs: Run[] = [];

  get all(): readonly Run[] {
    return this.#runs;
  }

  /** Those for which something was allocated ahead. */
  get ahead(): Run[] {
    return this.#runs.filter(({ unseen }) => unseen !== undefined);
  }

  /**
   * How many segments to allocate ahead of a first write that ends before `next`: half as many as the
   * run has. What lasts longer than half of IDLE_MS was more than the writer needs: then half of that.
   */
  wanted(table: string, first: number, nowMs: number): number {
    return Math.floor(lengthOf(this.#at(table, first), nowMs) / 2);
  }

  /** `count` segments that were asked for, and `ahead` more. */
  granted(table: string, first: number, count: number, ahead: number, nowMs: number): void {
    const before = this.#at(table, first);
    const next = first + count + ahead;
    const length = Math.min(LONGEST, lengthOf(before, nowMs) + count + ahead);
    const unseen = before?.unseen ?? (ahead > 0 ? first + count : undefined);
    const kept = unseen === undefined ? undefined : Math.max(unseen, next - MOST_UNSEEN);
    this.#runs = this.#runs.filter((run) => run !== before);
    this.#runs.push({ table, next, length, unseen: kept, grantedMs: nowMs });
    const spare = this.#runs.findIndex((run) => run.unseen === undefined);
    if (this.#runs.length > MOST_RUNS && spare >= 0) this.#runs.splice(spare, 1);
  }

  /** Of a controller that is gone: it goes on nowhere. */
  left(table: string, first: number, count: number, nowMs: number): void {
    this.#runs.push({ table, next: first + count, length: 0, unseen: first, grantedMs: nowMs });
  }

  /** They have ended, and are looked at. */
  end(runs: readonly Run[]): void {
    this.#runs = this.#runs.filter((run) => !runs.includes(run));
  }

  #at(table: string, first: number): Run | undefined {
    return this.#runs.find((run) => run.table === table && run.next === first);
  }
}

function lengthOf(run: Run | undefined, nowMs: number): number {
  if (run === undefined) return 0;
  return nowMs - run.grantedMs > IDLE_MS / 2 ? Math.floor(run.length / 2) : run.length;
}
