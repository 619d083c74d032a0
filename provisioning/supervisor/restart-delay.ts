const FIRST_MS = 100;
const MAX_MS = 10_000;
/** A process that lived this long had a good start: the next one follows at once. */
const SETTLED_MS = 10_000;

/** How long to wait before a daemon that ended is started again: not at all, then twice as long each time. */
export class RestartDelay {
  #startedMs = 0;
  #failures = 0;

  started(nowMs: number): void {
    this.#startedMs = nowMs;
  }

  /** The wait in ms after an end at `nowMs`. */
  next(nowMs: number): number {
    if (nowMs - this.#startedMs >= SETTLED_MS) this.#failures = 0;
    const waitMs = this.#failures === 0 ? 0 : Math.min(MAX_MS, FIRST_MS * 2 ** (this.#failures - 1));
    this.#failures += 1;
    return waitMs;
  }
}
