/** The clock of a process that may end: its timers end with it, as those of a real one do. */
import { type Clock, systemClock } from "@sanlab/controller/clock.ts";

export interface MortalClock extends Clock {
  /** Takes every timer back; later ones never begin. */
  end(): void;
}

export function mortalClock(clock: Clock = systemClock): MortalClock {
  const running = new Set<() => void>();
  let isOver = false;
  return {
    nowMs: () => clock.nowMs(),
    dateMs: () => clock.dateMs(),
    after: (ms, run) => {
      if (isOver) return () => undefined;
      const cancel = clock.after(ms, () => {
        running.delete(cancel);
        run();
      });
      running.add(cancel);
      return () => {
        running.delete(cancel);
        cancel();
      };
    },
    end: () => {
      isOver = true;
      for (const cancel of running) cancel();
      running.clear();
    },
  };
}
