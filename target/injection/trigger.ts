/** Whether an injected fault fires at a match: its occasion, and its counters. */
import { draw } from "./draw.ts";
import type { Bound, Occasion } from "./rule.ts";

export class Trigger {
  /** Commands, or I/O to a device, that the fault was for. */
  matched = 0;
  /** How often it happened. */
  fired = 0;
  readonly #when: Occasion;
  readonly #addedAtMs: number;
  readonly #stream: string;
  #inside = 0;

  /** `addedAtMs` is wall-clock time, ms since 1970; `stream` keeps draws of several agents apart. */
  constructor(when: Occasion, addedAtMs: number, stream: string) {
    this.#when = when;
    this.#addedAtMs = addedAtMs;
    this.#stream = stream;
  }

  /** Counts one match at `nowMs`; true where the fault fires. */
  fires(nowMs: number): boolean {
    this.matched += 1;
    const { every, probability, first, seed } = this.#when;
    if (!this.isOpen(nowMs)) return false;
    this.#inside += 1;
    if (every !== undefined && this.#inside % every !== 0) return false;
    if (probability !== undefined && draw(seed, this.#stream, this.#inside) >= probability) return false;
    if (first !== undefined && this.fired >= first) return false;
    this.fired += 1;
    return true;
  }

  /** A further draw from [0, 1) for the firing that was last. */
  drawn(): number {
    return draw(this.#when.seed, `${this.#stream}/value`, this.fired);
  }

  /** Between `from` and `until`, both included. */
  isOpen(nowMs: number): boolean {
    const { from, until } = this.#when;
    return (from === undefined || this.#reached(from, nowMs)) && (until === undefined || !this.#passed(until, nowMs));
  }

  #reached(bound: Bound, nowMs: number): boolean {
    return "match" in bound ? this.matched >= bound.match : nowMs >= this.#addedAtMs + bound.afterMs;
  }

  #passed(bound: Bound, nowMs: number): boolean {
    return "match" in bound ? this.matched > bound.match : nowMs > this.#addedAtMs + bound.afterMs;
  }
}
