/**
 * Leases as the controller counts them (docs/protocol.md, Lost agents): from when it answered, which is
 * after the agent asked, and with a margin for clocks that run at unequal rates. So what is over
 * here was over at the agent before.
 *
 * What an earlier controller granted is not known. It granted nothing after this one began (they
 * exclude each other by a lock), so everything counts as granted at the beginning.
 */
import { type Clock, pause } from "../clock.ts";
import type { AgentRecord } from "../records.ts";

/** The agent's clock may be slower than the controller's by so much of a lease. */
export const CLOCK_MARGIN = 0.25;
export const DEFAULT_LEASE_MS = 8_000;
export const LEASE_LIMITS_MS = { least: 1_000, most: 60_000 } as const;

export class Leases {
  readonly #clock: Clock;
  readonly #beganAtMs: number;
  readonly #grantedAtMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#beganAtMs = clock.nowMs();
  }

  /** Before the grant leaves. */
  granted(agent: string): void {
    this.#grantedAtMs.set(agent, this.#clock.nowMs());
  }

  /** How long the agent may still think that it has one, ms; 0: surely not. */
  remainingMs({ name, remote, ended, incarnation }: AgentRecord): number {
    if (remote === undefined || ended || incarnation === 0) return 0;
    const fromMs = this.#grantedAtMs.get(name) ?? this.#beganAtMs;
    return Math.max(0, fromMs + remote.leaseMs * (1 + CLOCK_MARGIN) - this.#clock.nowMs());
  }

  /** Resolves when it is surely over. Nothing may be granted meanwhile. */
  async over(record: AgentRecord): Promise<void> {
    for (let ms = this.remainingMs(record); ms > 0; ms = this.remainingMs(record)) await pause(this.#clock, ms);
  }
}
