/**
 * Finds initiators that have gone silent, by NOP-In (RFC 7143 11.19). Only those that have pinged
 * us are pinged: iPXE, for one, answers none. TCP finds the others, where their machine is gone.
 */
import type { TargetLimits } from "./target-options.ts";

/** What is watched. */
export interface Pulse {
  /** Grows with whatever the initiator says. */
  heard(): number;
  /** Whether silence means anything: it pings us, and we are listening. */
  mayPing(): boolean;
  ping(): void;
  /** It did not answer. */
  dead(): void;
}

/** @returns what ends the watch */
export function watchPulse(pulse: Pulse, { pingAfterMs, pingAnswerMs }: TargetLimits): () => void {
  let heard = pulse.heard();
  let pinged = false;
  const tick = (): void => {
    const now = pulse.heard();
    const silent = now === heard && pulse.mayPing();
    heard = now;
    if (silent && pinged) return pulse.dead();
    if (silent) pulse.ping();
    pinged = silent;
    timer = setTimeout(tick, pinged ? pingAnswerMs : pingAfterMs).unref();
  };
  let timer = setTimeout(tick, pingAfterMs).unref();
  return () => clearTimeout(timer);
}
