/** Devices that were said to be lost: at the commit that gives up what lay there it reads as zeros, once nothing fails any more. */
import type { Transaction } from "@sanlab/controller/store/store.ts";
import { Violation } from "../engine/violation.ts";
import { SEGMENT_BLOCKS } from "../world/sim-disk.ts";
import type { Model } from "./disks.ts";
import type { DurableTables } from "./durable-tables.ts";
import { restores } from "./restores.ts";

export class Losses {
  readonly #model: Model;
  readonly #durable: DurableTables;
  readonly #devices = new Set<number>();
  /** What lies there, by `table/segment`. */
  #places = new Map<string, { readonly table: string; readonly segment: number }>();

  /** At the last commit. */
  #failing: ReadonlySet<string> = new Set();

  constructor(model: Model, durable: DurableTables) {
    this.#model = model;
    this.#durable = durable;
  }

  /** Whether anything was lost for good. */
  get isAny(): boolean {
    return this.#devices.size > 0;
  }

  /** Somebody says so now. */
  asked(device: number): void {
    this.#devices.add(device);
    this.#places = new Map([...this.#places, ...this.#there()]);
  }

  committed(transaction: Transaction, tick: number): void {
    if (this.#devices.size === 0) return;
    const there = this.#there();
    const failing = new Set(this.#durable.failing());
    for (const [name, { table, segment }] of this.#places) {
      if (there.has(name) || this.#durable.entry(table, segment) !== undefined) continue;
      const isOver = this.#failing.has(name) && !failing.has(name) && this.#durable.hasTable(table);
      if (isOver && !restores(transaction, table))
        throw new Violation(
          "E",
          `segment ${segment} of ${table} failed, is given up with its device, and fails no more`,
        );
      this.#model.emptied(table, segment * SEGMENT_BLOCKS, SEGMENT_BLOCKS, tick);
    }
    this.#places = there;
    this.#failing = failing;
  }

  #there(): Map<string, { table: string; segment: number }> {
    const there = new Map<string, { table: string; segment: number }>();
    for (const { table, segment, location } of this.#durable.locations())
      if (this.#devices.has(location.device)) there.set(`${table}/${segment}`, { table, segment });
    return there;
  }
}
