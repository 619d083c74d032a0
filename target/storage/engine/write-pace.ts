/**
 * Whether a device's writes may be done in the loop.
 *
 * A write that takes long in the loop stalls every session; one through the thread pool costs ten
 * times what it costs inline. A single slow write may be the kernel that gave the processor to
 * somebody else, so the first pause is short; where inline writes are slow again soon, the pauses
 * grow. While a write in the pool has not come back for long, nothing is tried inline.
 */

/** Longer in the loop is slow. */
const SLOW_MS = 3;
/** Longer in the pool, where several run at once on few processors, is slow. */
const SLOW_IN_POOL_MS = 30;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2000;

export class WritePace {
  readonly #nowMs: () => number;
  #pausedUntilMs = 0;
  #pauseMs = FIRST_PAUSE_MS;
  /** When each write that is in the pool went there, by age. */
  readonly #inPool = new Set<{ readonly beganMs: number }>();

  /** `nowMs` is a monotonic clock in milliseconds. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  mayWriteInline(): boolean {
    const now = this.#nowMs();
    if (now < this.#pausedUntilMs) return false;
    const [oldest] = this.#inPool;
    return oldest === undefined || now - oldest.beganMs <= SLOW_IN_POOL_MS;
  }

  /** Does a write in the loop. */
  inline<T>(write: () => T): T {
    const beganMs = this.#nowMs();
    try {
      return write();
    } finally {
      this.#judge(beganMs, SLOW_MS);
    }
  }

  /** Does a write in the pool. */
  async pooled<T>(write: () => Promise<T>): Promise<T> {
    const mark = { beganMs: this.#nowMs() };
    this.#inPool.add(mark);
    try {
      return await write();
    } finally {
      this.#inPool.delete(mark);
      this.#judge(mark.beganMs, SLOW_IN_POOL_MS);
    }
  }

  #judge(beganMs: number, limitMs: number): void {
    const now = this.#nowMs();
    if (now - beganMs > limitMs) {
      this.#pausedUntilMs = now + this.#pauseMs;
      this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
    } else if (now - this.#pausedUntilMs > LONGEST_PAUSE_MS) {
      this.#pauseMs = FIRST_PAUSE_MS;
    }
  }
}
