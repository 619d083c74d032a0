/** One time line with several clocks on it, each with its own rate and its own pauses: what happens in a simulated second happens in no time. */
import { setImmediate as turn } from "node:timers/promises";

interface Timer {
  readonly clock: TimelineClock;
  dueMs: number;
  readonly run: () => void;
}

/** Turns of the event loop in which everything that a timer began has come to rest. */
const TURNS = 30;

export class Timeline {
  nowMs = 0;
  readonly #timers = new Set<Timer>();

  /** `rate`: how fast the clock runs, 1 being true time. */
  clock(rate = 1, originMs = 0): TimelineClock {
    return new TimelineClock(this, rate, originMs);
  }

  add(clock: TimelineClock, inMs: number, run: () => void): () => void {
    const timer = { clock, dueMs: this.nowMs + inMs, run };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Lets true time pass; timers of clocks whose owner is paused wait until it goes on. */
  async pass(ms: number): Promise<void> {
    const endMs = this.nowMs + ms;
    await rest();
    for (let next = this.#next(endMs); next !== undefined; next = this.#next(endMs)) {
      this.nowMs = Math.max(this.nowMs, next.dueMs);
      this.#timers.delete(next);
      next.run();
      await rest();
    }
    this.nowMs = endMs;
    await rest();
  }

  #next(endMs: number): Timer | undefined {
    const due = [...this.#timers].filter(({ clock, dueMs }) => !clock.paused && dueMs <= endMs);
    return due.sort((a, b) => a.dueMs - b.dueMs)[0];
  }
}

export class TimelineClock {
  paused = false;
  readonly #timeline: Timeline;
  readonly #rate: number;
  readonly #originMs: number;

  constructor(timeline: Timeline, rate: number, originMs: number) {
    this.#timeline = timeline;
    this.#rate = rate;
    this.#originMs = originMs;
  }

  nowMs(): number {
    return this.#originMs + this.#timeline.nowMs * this.#rate;
  }

  after(ms: number, run: () => void): () => void {
    return this.#timeline.add(this, ms / this.#rate, run);
  }
}

async function rest(): Promise<void> {
  for (let turns = 0; turns < TURNS; turns += 1) await turn();
}
