/** When devices were in trouble, of each kind: what began before it was over may have met it. */
import type { Trouble } from "./disk-troubles.ts";

type Kind = Trouble | "badBlock";

export class TroubleTimes {
  readonly #underWay = new Map<Kind, number>();
  readonly #overSince = new Map<Kind, number>();

  began(kind: Kind): void {
    this.#underWay.set(kind, this.#count(kind) + 1);
  }

  /** One of them is over, at this tick. */
  over(kind: Kind, tick: number): void {
    this.#underWay.set(kind, this.#count(kind) - 1);
    this.#overSince.set(kind, tick);
  }

  /** Until which tick there may have been such trouble; -1: never. */
  until(kind: Kind): number {
    return this.#count(kind) > 0 ? Number.POSITIVE_INFINITY : (this.#overSince.get(kind) ?? -1);
  }

  #count(kind: Kind): number {
    return this.#underWay.get(kind) ?? 0;
  }
}
