/** What tables come to name holds nothing that a failed sync has lost: new contents are durable before the commit that points at them (rule 1). */
import { Violation } from "../engine/violation.ts";
import { SEGMENT_BLOCKS, type SimDisk } from "../world/sim-disk.ts";
import type { DurableTables } from "./durable-tables.ts";

export class NewPlaces {
  readonly #durable: DurableTables;
  readonly #disks: ReadonlyMap<string, SimDisk>;
  /** Named before, as `path segment`; kept once a sync has failed. */
  #named: Set<string> | undefined;

  constructor(durable: DurableTables, disks: ReadonlyMap<string, SimDisk>) {
    this.#durable = durable;
    this.#disks = disks;
  }

  /** Something was committed. @throws Violation */
  committed(): void {
    if ([...this.#disks.values()].every(({ failedSyncs }) => failedSyncs === 0)) return;
    const before = this.#named;
    this.#named = new Set();
    for (const { table, segment, location } of this.#durable.locations()) {
      const path = this.#durable.path(location);
      const place = `${path} ${location.segment}`;
      this.#named.add(place);
      if (before?.has(place) !== false) continue;
      const gone = this.#disks.get(path)?.firstGone(location.segment * SEGMENT_BLOCKS, SEGMENT_BLOCKS, Infinity);
      if (gone !== undefined)
        throw new Violation(
          "rule 1",
          `segment ${segment} of ${table} comes to lie at ${place}, of which a sync has lost block ${gone}`,
        );
    }
  }
}
