/** Time as the controller's logic sees it; a simulator has its own. */
export interface Clock {
  /** Milliseconds of a clock that only goes forward, at an even rate, from any origin. */
  nowMs(): number;
  /** Milliseconds since 1970, as people's clocks have it: for records that people read, and for nothing else. */
  dateMs(): number;
  /** Calls back once, after `ms`; the result takes that back. */
  after(ms: number, run: () => void): () => void;
}

/** Resolves after `ms`. */
export function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve));
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  dateMs: () => Date.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};
