/**
 * The lease of an agent that the controller cannot kill (docs/protocol.md, Lost agents).
 *
 * It runs from the moment at which the request that was answered was sent, on the agent's own
 * clock. The controller counts from when it answered, which is later, and adds a margin for clocks
 * that run at unequal rates: so it goes on without the agent only after the agent knows that its
 * lease is over. Whether it is over is asked of the clock each time, never of a timer: a process
 * that was paused learns of it before it does anything else.
 *
 *     none → held → lapsed → held → …      lapsed: every table is forgotten, the ports are unavailable
 */

import type { Lease as LeaseMessage } from "../mapping/protocol.ts";
import type { Clock } from "./clock.ts";

/** Renewals asked for within a lease: so many may be lost before it lapses. */
const REQUESTS_PER_LEASE = 4;

export interface LeaseOptions {
  readonly clock: Clock;
  /** Sends a `renew` with this nonce; may lose it. */
  readonly request: (nonce: number) => void;
  /** I/O may be issued from now on. */
  readonly onHeld: () => void;
  /** It was over before this call, if only by a moment: nothing that was known under it counts any more. */
  readonly onLapsed: () => void;
}

export class Lease {
  readonly #options: LeaseOptions;
  /** When each request that may still be answered was sent, by nonce. */
  readonly #sentAtMs = new Map<number, number>();
  #nonce = 0;
  #durationMs = 0;
  #endsAtMs = Number.NEGATIVE_INFINITY;
  #held = false;
  #cancel: () => void = () => undefined;

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  /** Whether I/O may be issued at this moment. */
  readonly isValid = (): boolean => this.#options.clock.nowMs() < this.#endsAtMs;

  /** Asks for a renewal now, and then again and again, well within the duration of a lease. */
  ask(durationMs: number): void {
    this.#durationMs = durationMs;
    this.#ask();
  }

  #ask(): void {
    this.#cancel();
    this.#lookAtClock();
    const nowMs = this.#options.clock.nowMs();
    const durationMs = this.#durationMs;
    for (const [nonce, sentAtMs] of this.#sentAtMs) if (sentAtMs + durationMs <= nowMs) this.#sentAtMs.delete(nonce);
    this.#nonce += 1;
    this.#sentAtMs.set(this.#nonce, nowMs);
    this.#options.request(this.#nonce);
    const untilEndMs = this.#held ? this.#endsAtMs - nowMs : Number.POSITIVE_INFINITY;
    const pauseMs = Math.min(durationMs / REQUESTS_PER_LEASE, untilEndMs);
    this.#cancel = this.#options.clock.after(pauseMs, () => this.#ask());
  }

  granted({ nonce, durationMs }: Pick<LeaseMessage, "nonce" | "durationMs">): void {
    const sentAtMs = this.#sentAtMs.get(nonce);
    if (sentAtMs === undefined) return;
    this.#lookAtClock();
    this.#sentAtMs.delete(nonce);
    this.#endsAtMs = Math.max(this.#endsAtMs, sentAtMs + durationMs);
    if (this.#held || !this.isValid()) return;
    this.#held = true;
    this.#options.onHeld();
  }

  /** What was granted counts no more, nor what may still be answered; no more is asked for until `ask`. */
  end(): void {
    this.#cancel();
    this.#sentAtMs.clear();
    this.#endsAtMs = Number.NEGATIVE_INFINITY;
    this.#lookAtClock();
  }

  #lookAtClock(): void {
    if (!this.#held || this.isValid()) return;
    this.#held = false;
    this.#options.onLapsed();
  }
}
