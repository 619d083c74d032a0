/**
 * What tables come to name holds nothing that is not on its medium: new contents, zeros too, are durable
 * before the commit that points at them (rule 1). Seen at the commit itself, whether the power is lost then or not.
 */
import type { Transaction } from "@sanlab/controller/store/store.ts";
import { chunkKey, rootKey } from "@sanlab/controller/tables/layout.ts";
import { Violation } from "../engine/violation.ts";
import { SEGMENT_BLOCKS, type SimDisk } from "../world/sim-disk.ts";
import type { DurableTables } from "./durable-tables.ts";

const TABLES = [rootKey(""), chunkKey(0).replace(/0+$/, "")];

export class NewPlaces {
  readonly #durable: DurableTables;
  readonly #disks: ReadonlyMap<string, SimDisk>;
  /** As `path segment`, of each device its own. */
  #named: ReadonlySet<string> = new Set();

  constructor(durable: DurableTables, disks: ReadonlyMap<string, SimDisk>) {
    this.#durable = durable;
    this.#disks = disks;
  }

  /** Something was committed. @throws Violation */
  committed({ puts = [], deletes = [] }: Transaction): void {
    const isOfTables = (key: string) => TABLES.some((prefix) => key.startsWith(prefix));
    if (!puts.some(([key]) => isOfTables(key)) && !deletes.some(isOfTables)) return;
    const before = this.#named;
    const named = new Set<string>();
    for (const { table, segment, location } of this.#durable.locations()) {
      const path = this.#durable.path(location);
      const place = `${path} ${location.segment}`;
      if (named.has(place)) continue;
      named.add(place);
      if (before.has(place)) continue;
      const unsynced = this.#disks.get(path)?.firstUnsynced(location.segment * SEGMENT_BLOCKS, SEGMENT_BLOCKS);
      if (unsynced !== undefined)
        throw new Violation(
          "rule 1",
          `segment ${segment} of ${table} comes to lie at ${place}, whose block ${unsynced} is not on the medium`,
        );
    }
    this.#named = named;
  }
}
