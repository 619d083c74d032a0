/**
 * What tables come to name holds nothing that is not on its medium: new contents, zeros too, are durable
 * before the commit that points at them (rule 1). And who comes to hold a place alone does so, or it is on record that step
 * 560 is not complete. Seen at the commit itself, whether the power is lost then or not.
 */
import type { Transaction } from "@sanlab/controller/store/store.ts";
import { chunkKey, rootKey } from "@sanlab/controller/tables/layout.ts";
import { Violation } from "../engine/violation.ts";
import { SEGMENT_BLOCKS, type SimDisk } from "../world/sim-disk.ts";
import type { DurableTables } from "./durable-tables.ts";
import type { Rules } from "./rules.ts";

const TABLES = [rootKey(""), chunkKey(0).replace(/0+$/, "")];

interface Named {
  readonly table: string;
  readonly segment: number;
  /** How many tables name it. */
  holders: number;
}

export class NewPlaces {
  readonly #durable: DurableTables;
  readonly #disks: ReadonlyMap<string, SimDisk>;
  readonly #rules: Rules;
  /** By `path segment`, of each device its own. */
  #named: ReadonlyMap<string, Named> = new Map();

  constructor(durable: DurableTables, disks: ReadonlyMap<string, SimDisk>, rules: Rules) {
    this.#durable = durable;
    this.#disks = disks;
    this.#rules = rules;
  }

  /** Something was committed. @throws Violation */
  committed({ puts = [], deletes = [] }: Transaction): void {
    const isOfTables = (key: string) => TABLES.some((prefix) => key.startsWith(prefix));
    if (!puts.some(([key]) => isOfTables(key)) && !deletes.some(isOfTables)) return;
    const before = this.#named;
    const named = new Map<string, Named>();
    for (const { table, segment, location } of this.#durable.locations()) {
      const path = this.#durable.path(location);
      const place = `${path} ${location.segment}`;
      const known = named.get(place);
      if (known !== undefined) known.holders += 1;
      else {
        named.set(place, { table, segment, holders: 1 });
        if (!before.has(place)) this.#checkSynced(table, segment, path, location.segment);
      }
    }
    this.#named = named;
    for (const [place, { table, segment, holders }] of named)
      if (holders === 1 && (before.get(place)?.holders ?? 1) > 1 && !this.#durable.isCopied(table, segment))
        this.#rules.checkAlone(table, segment);
  }

  #checkSynced(table: string, segment: number, path: string, at: number): void {
    const unsynced = this.#disks.get(path)?.firstUnsynced(at * SEGMENT_BLOCKS, SEGMENT_BLOCKS);
    if (unsynced !== undefined)
      throw new Violation(
        "rule 1",
        `segment ${segment} of ${table} comes to lie at ${path} ${at}, whose block ${unsynced} is not on the medium`,
      );
  }
}
