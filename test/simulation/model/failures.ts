/**
 * Segments in state E (270), as the persistent tables have it: what I/O may fail there, and what must.
 * Times are ticks of the scheduler.
 */
import { Violation } from "../engine/violation.ts";
import type { DurableTables } from "./durable-tables.ts";

export class Failures {
  readonly #durable: DurableTables;
  #isExpected = false;
  /** By `table/segment`: since when it fails. */
  #since = new Map<string, number>();
  /** Since when it does not any more, which not every agent may know. */
  readonly #cleared = new Map<string, number>();
  /** From when on all know that. */
  readonly #until = new Map<string, number>();
  /** From when on every agent knows it. */
  readonly #agreed = new Map<string, number>();

  constructor(durable: DurableTables) {
    this.#durable = durable;
  }

  /** From now on there may be some. */
  expect(): void {
    this.#isExpected = true;
  }

  /** Something was committed. */
  committed(tick: number): void {
    if (!this.#isExpected) return;
    const now = new Map<string, number>();
    for (const place of this.#durable.failing()) now.set(place, this.#since.get(place) ?? tick);
    for (const place of this.#since.keys()) {
      if (now.has(place)) continue;
      this.#cleared.set(place, tick);
      this.#agreed.delete(place);
    }
    this.#since = now;
  }

  /** What came to fail since `asked`, and what of these failed before, is told to all agents by now, and no I/O goes on there. */
  agreed(asked: number, now: number, places: Iterable<string>): void {
    const told = new Set(places);
    for (const [place, since] of this.#since)
      if ((since >= asked || told.has(place)) && !this.#agreed.has(place)) this.#agreed.set(place, now);
  }

  /** What was cleared since `asked` was told to all agents by now. */
  over(asked: number, now: number): void {
    for (const [place, cleared] of this.#cleared) {
      if (cleared < asked) continue;
      this.#cleared.delete(place);
      this.#until.set(place, now);
    }
  }

  mayFail(table: string, segments: readonly number[], start: number): boolean {
    if (!this.#isExpected) return false;
    for (const segment of segments) {
      const place = `${table}/${segment}`;
      if (this.#since.has(place) || this.#cleared.has(place) || (this.#until.get(place) ?? -1) > start) return true;
    }
    return false;
  }

  /** @throws Violation where something that began at `start` has not failed though it had to. */
  checkPassed(table: string, segments: readonly number[], start: number, who: string): void {
    if (this.#agreed.size === 0) return;
    for (const segment of segments) {
      const agreed = this.#agreed.get(`${table}/${segment}`);
      if (agreed !== undefined && agreed < start)
        throw new Violation("E", `${who} passes, but segment ${segment} of ${table} fails since tick ${agreed}`);
    }
  }
}
