/**
 * Segments on their way back to the pool. Whoever is given them next is to find zeros, which no loss of power can
 * take away (rule 3); and nobody touches them before all who held them are known to be off them (rule 2).
 */
import type { ReleaseRecord } from "@sanlab/controller/records.ts";
import type { Transaction } from "@sanlab/controller/store/store.ts";
import { type Location, locationName, locationsOf } from "@sanlab/controller/tables/layout.ts";
import { Violation } from "../engine/violation.ts";
import type { SimProcess } from "../world/sim-agent.ts";
import { SEGMENT_BLOCKS, type SimDisk } from "../world/sim-disk.ts";
import type { DurableTables } from "./durable-tables.ts";

const RELEASING = "releasing/";

interface Release {
  readonly record: ReleaseRecord;
  /** In which it was begun. */
  readonly epoch: number;
}

export class GivenBack {
  readonly #durable: DurableTables;
  readonly #disks: ReadonlyMap<string, SimDisk>;
  readonly #processes: () => readonly SimProcess[];
  /** By key. */
  readonly #releases = new Map<string, Release>();
  #epoch = 0;

  constructor(durable: DurableTables, disks: ReadonlyMap<string, SimDisk>, processes: () => readonly SimProcess[]) {
    this.#durable = durable;
    this.#disks = disks;
    this.#processes = processes;
  }

  /** Something was committed. @throws Violation */
  committed({ puts = [], deletes = [] }: Transaction): void {
    for (const key of deletes) if (key.startsWith(RELEASING)) this.#left(key, undefined, deletes);
    for (const [key, value] of puts) {
      if (key === "lab/lab") this.#epoch = json<{ epoch: number }>(value).epoch;
      if (key.startsWith(RELEASING)) this.#left(key, json<ReleaseRecord>(value), deletes);
    }
  }

  /** What is on the record no more is free. Of a device that goes in the same transaction nothing is. */
  #left(key: string, record: ReleaseRecord | undefined, deletes: readonly string[]): void {
    const before = this.#releases.get(key);
    if (record === undefined) this.#releases.delete(key);
    else this.#releases.set(key, { record, epoch: before?.epoch ?? this.#epoch });
    const left = new Set([...locationsOf(record?.runs ?? [])].map(locationName));
    for (const location of locationsOf(before?.record.runs ?? []))
      if (!left.has(locationName(location)) && !deletes.includes(`device/${location.device}`))
        this.#checkZero(location);
  }

  #checkZero(location: Location): void {
    const path = this.#durable.path(location);
    const disk = this.#disks.get(path);
    const first = location.segment * SEGMENT_BLOCKS;
    const bad = disk?.notZero(first, SEGMENT_BLOCKS)[0] ?? disk?.firstUnsynced(first, SEGMENT_BLOCKS);
    if (bad !== undefined)
      throw new Violation(
        "rule 3",
        `segment ${location.segment} of ${path} is free, but block ${bad} is not durably zero`,
      );
  }

  /** The controller is about to make a place zero that an earlier one was to give back: it can not know what agents were told that have not been heard of since. */
  erased(path: string, segment: number): void {
    for (const { record, epoch } of this.#releases.values()) {
      if (epoch === this.#epoch || record.tables.length === 0) continue;
      const isThere = (location: Location) => location.segment === segment && this.#durable.path(location) === path;
      if (![...locationsOf(record.runs)].some(isThere)) continue;
      for (const process of this.#processes()) this.#checkForgotten(process, record, `segment ${segment} of ${path}`);
    }
  }

  #checkForgotten(process: SimProcess, { tables }: ReleaseRecord, place: string): void {
    if (process.epoch >= this.#epoch || !process.mayServe) return;
    const table = tables.find((one) => process.core.tables.has(one));
    if (table !== undefined)
      throw new Violation(
        "rule 2",
        `${place} is given back while ${process.name} goes by what it had of ${table} in epoch ${process.epoch}`,
      );
  }
}

function json<T>(value: Uint8Array): T {
  return JSON.parse(Buffer.from(value).toString()) as T;
}
