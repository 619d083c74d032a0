/** Disks as they were at one instant: when that may have been, by what was read of them (docs/protocol.md, rule 5). */
import { Violation } from "../engine/violation.ts";
import type { ModelDisk } from "./disks.ts";
import type { BlockWrite } from "./history.ts";

/** A snapshot that nobody writes to, or several of one instant. */
export class Instant {
  readonly #asked: number;
  readonly #done: number;
  /** Writes to each block, as there were when the snapshot was there; by `table/block` of the snapshot. */
  readonly #writes = new Map<string, readonly BlockWrite[]>();
  readonly #seen = new Map<string, number>();

  constructor(asked: number, done: number) {
    this.#asked = asked;
    this.#done = done;
  }

  add(table: string, origin: ModelDisk): void {
    for (const [block, history] of origin.blocks) this.#writes.set(`${table}/${block}`, history.writes);
  }

  saw(table: string, block: number, tag: number): void {
    this.#seen.set(`${table}/${block}`, tag);
  }

  /** @throws Violation where no instant fits all that was seen: after the writes that are in it, and before those that are not. */
  check(): void {
    let [least, most] = [this.#asked, this.#done];
    for (const [place, tag] of this.#seen) {
      const writes = this.#writes.get(place) ?? [];
      const [only, another] = writes.filter((write) => write.tag === tag);
      if (only === undefined || another !== undefined) continue;
      least = Math.max(least, only.start);
      for (const later of writes) if (later !== only && later.start >= only.end) most = Math.min(most, later.settled);
    }
    if (least > most)
      throw new Violation(
        "rule 5",
        `what was read of a snapshot is of no one instant: after ${least}, and before ${most}`,
      );
  }
}
