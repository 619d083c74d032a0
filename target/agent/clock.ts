/** Time as the agent's logic sees it; a simulator has its own. */
import { bootTimeMs } from "../storage/syscalls/clock.ts";

export interface Clock {
  /** Milliseconds of a clock that only goes forward, at an even rate, from any origin. */
  nowMs(): number;
  /** Calls back once, after `ms`; the result takes that back. */
  after(ms: number, run: () => void): () => void;
}

export const systemClock: Clock = {
  nowMs: bootTimeMs,
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};
