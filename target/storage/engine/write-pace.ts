/**
 * Whether a device's writes may be done in the loop.
 *
 * A write that waits in the loop stalls every session; one through the thread pool costs ten times
 * what it costs inline. So a write that took long sends the next ones to the pool, for a short time
 * at first, and where inline writes wait again soon, for longer each time. While a write in the pool
 * has not come back for long, nothing is tried inline.
 *
 * On a busy machine most writes that take long did not wait: the kernel gave the processor to
 * somebody else meanwhile, which the thread pool would not spare anybody. The two are told apart by
 * the thread's voluntary context switches, which are looked at once in each turn of the loop, since
 * the loop itself waits between its turns.
 */
import { threadWaits } from "../syscalls/thread-waits.ts";

/** Longer in the loop is slow. */
const SLOW_MS = 3;
/** Longer in the loop is slow even where the thread did not wait. */
const VERY_SLOW_MS = 100;
/** Longer in the pool, where several run at once on few processors, is slow. */
const SLOW_IN_POOL_MS = 30;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2000;

/** What the pace knows of time and of its thread; a test has its own. */
export interface PaceClock {
  /** Monotonic, in milliseconds. */
  readonly nowMs: () => number;
  /** How often this thread has waited so far. */
  readonly waits: () => number;
  /** Calls back before the loop may wait for events again. */
  readonly afterTurn: (callback: () => void) => void;
}

export const PACE_CLOCK: PaceClock = {
  nowMs: () => performance.now(),
  waits: threadWaits,
  afterTurn: (callback) => void setImmediate(callback),
};

export class WritePace {
  readonly #clock: PaceClock;
  #pausedUntilMs = 0;
  #pauseMs = FIRST_PAUSE_MS;
  /** As of the first inline write of this turn of the loop; undefined before that. */
  #waitsBefore: number | undefined;
  /** When each write that is in the pool went there, by age. */
  readonly #inPool = new Set<{ readonly beganMs: number }>();

  constructor(clock: PaceClock = PACE_CLOCK) {
    this.#clock = clock;
  }

  mayWriteInline(): boolean {
    const now = this.#clock.nowMs();
    if (now < this.#pausedUntilMs) return false;
    const [oldest] = this.#inPool;
    return oldest === undefined || now - oldest.beganMs <= SLOW_IN_POOL_MS;
  }

  /** Does a write in the loop. */
  inline<T>(write: () => T): T {
    if (this.#waitsBefore === undefined) this.#beginTurn();
    const beganMs = this.#clock.nowMs();
    try {
      return write();
    } finally {
      const tookMs = this.#clock.nowMs() - beganMs;
      if (tookMs <= SLOW_MS) this.#wasQuick();
      else if (this.#hasWaited() || tookMs > VERY_SLOW_MS) this.#wasSlow();
    }
  }

  /** Does a write in the pool. */
  async pooled<T>(write: () => Promise<T>): Promise<T> {
    const mark = { beganMs: this.#clock.nowMs() };
    this.#inPool.add(mark);
    try {
      return await write();
    } finally {
      this.#inPool.delete(mark);
      if (this.#clock.nowMs() - mark.beganMs > SLOW_IN_POOL_MS) this.#wasSlow();
      else this.#wasQuick();
    }
  }

  #beginTurn(): void {
    this.#waitsBefore = this.#clock.waits();
    this.#clock.afterTurn(() => {
      this.#waitsBefore = undefined;
    });
  }

  #hasWaited(): boolean {
    const waits = this.#clock.waits();
    const hasWaited = waits !== this.#waitsBefore;
    this.#waitsBefore = waits;
    return hasWaited;
  }

  #wasSlow(): void {
    this.#pausedUntilMs = this.#clock.nowMs() + this.#pauseMs;
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
  }

  #wasQuick(): void {
    if (this.#clock.nowMs() - this.#pausedUntilMs > LONGEST_PAUSE_MS) this.#pauseMs = FIRST_PAUSE_MS;
  }
}
