/**
 * Waits for the next request awake, where it is likely to come soon.
 *
 * An initiator that sends one request after the other lets the loop sleep between them, and a
 * processor that went to sleep takes longer to wake up than the request takes. So where requests
 * have come soon after the last answer for a while, the loop turns without sleeping for a moment.
 * Where they do not come within that moment, it soon stops to do so: at most a few moments are lost
 * when a load ends or changes.
 */

/** A request that comes later is not waited for awake. */
export const MOMENT_MS = 0.15;
/** So many more requests that came soon than ones that did not, before the loop stays awake. */
const LIKELY = 16;
const MOST_LIKELY = 32;
/** What one that did not come soon weighs. */
const DISAPPOINTMENT = 8;

/** Time and turns of the loop; a test has its own. */
export interface PollClock {
  /** Monotonic, in milliseconds. */
  readonly nowMs: () => number;
  /** Calls back in the next turn of the loop, for which it does not sleep. */
  readonly nextTurn: (callback: () => void) => void;
}

export const POLL_CLOCK: PollClock = {
  nowMs: () => performance.now(),
  nextTurn: (callback) => void setImmediate(callback),
};

export class BusyPoll {
  readonly #clock: PollClock;
  /** When the last request was answered, or taken on. */
  #servedMs = Number.NEGATIVE_INFINITY;
  #likelihood = 0;
  #isAwake = false;

  constructor(clock: PollClock = POLL_CLOCK) {
    this.#clock = clock;
  }

  /** Requests have come. */
  heard(): void {
    if (this.#clock.nowMs() - this.#servedMs <= MOMENT_MS)
      this.#likelihood = Math.min(MOST_LIKELY, this.#likelihood + 1);
    else this.#likelihood = Math.max(0, this.#likelihood - DISAPPOINTMENT);
  }

  /** What came has been answered, or taken on. */
  served(): void {
    this.#servedMs = this.#clock.nowMs();
    if (this.#isAwake || this.#likelihood < LIKELY) return;
    this.#isAwake = true;
    this.#clock.nextTurn(this.#turn);
  }

  readonly #turn = (): void => {
    this.#isAwake = this.#clock.nowMs() - this.#servedMs <= MOMENT_MS;
    if (this.#isAwake) this.#clock.nextTurn(this.#turn);
  };
}

/** Of this thread's loop, whoever uses it. */
export const BUSY_POLL = new BusyPoll();
