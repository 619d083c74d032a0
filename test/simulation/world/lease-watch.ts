/**
 * An agent's lease as it is seen from outside (docs/protocol.md, Lost agents): it runs from when the request that was
 * answered was sent, by the agent's own clock; and what was known under one that is over counts no more.
 */
import { EntryState } from "node-iscsi-target/mapping/entry.ts";
import { Violation } from "../engine/violation.ts";
import type { heard } from "./carried.ts";
import type { SimProcess } from "./sim-agent.ts";

type Told = ReturnType<typeof heard>;

const UNUSABLE = EntryState.ERROR | EntryState.INVALID | EntryState.ZERO;

export class LeaseWatch {
  readonly #process: SimProcess;
  readonly #nowMs: () => number;
  /** When it asked, by nonce. */
  readonly #askedAtMs = new Map<number, number>();
  #endsAtMs = Number.NEGATIVE_INFINITY;
  /** Tables of which it was told something while it had none. */
  readonly #toldWithout = new Set<string>();

  /** `nowMs`: by the agent's clock. */
  constructor(process: SimProcess, nowMs: () => number) {
    this.#process = process;
    this.#nowMs = nowMs;
  }

  asks(nonce: number): void {
    this.#askedAtMs.set(nonce, this.#nowMs());
  }

  /** The agent hears something, by `receive`. @throws Violation */
  hears(told: Told, receive: () => void): void {
    const process = this.#process;
    const had = process.mayServe;
    const message = "entries" in told ? told.header : told;
    if (!had && (message.type === "chunk" || message.type === "set_entry")) this.#toldWithout.add(message.table);
    if (message.type === "lease") this.#granted(message.nonce, message.durationMs);
    receive();
    this.#checkEnd();
    if (!process.mayServe) return;
    if (!had) this.#checkForgotten();
    this.#toldWithout.clear();
  }

  #granted(nonce: number, durationMs: number): void {
    const endsAtMs = (this.#askedAtMs.get(nonce) ?? Number.NEGATIVE_INFINITY) + durationMs;
    if (endsAtMs <= this.#endsAtMs) return;
    this.#endsAtMs = endsAtMs;
    const { scheduler, guard } = this.#process.lab;
    // Right after it is over, unless another one was granted by then.
    const leftMs = (endsAtMs - this.#nowMs()) / this.#process.clockRate;
    if (leftMs > 0) scheduler.after(leftMs + 0.01, () => guard(() => this.#checkEnd()));
  }

  #checkEnd(): void {
    const process = this.#process;
    if (process.core.lease === undefined || !process.isAlive) return;
    if (process.mayServe && this.#nowMs() > this.#endsAtMs)
      throw new Violation("lease", `${process.name} thinks that it has one, but what it had asked for is over`);
  }

  #checkForgotten(): void {
    const { core, lab, name } = this.#process;
    for (const [table, { table: copy }] of core.tables) {
      if (this.#toldWithout.has(table)) continue;
      const known = [...lab.touchedSegments(table)].find((segment) => (copy.word0(segment) & UNUSABLE) === 0);
      if (known !== undefined)
        throw new Violation(
          "lease",
          `${name} has a lease again and goes by what it had of segment ${known} of ${table} under the one before`,
        );
    }
  }
}
