/** The clock of a process that may end: its timers end with it, as those of a real one do. */
import { type Clock, systemClock } from "@sanlab/controller/clock.ts";

export interface MortalClock extends Clock {
  /** Takes every timer back; later ones never begin. */
  end(): void;
}

export function mortalClock(): MortalClock {
  const running = new Set<() => void>();
  let isOver = false;
  return {
    ...systemClock,
    after: (ms, run) => {
      if (isOver) return () => undefined;
      const cancel = systemClock.after(ms, () => {
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
