/** Disks that go back to a snapshot: at the instant of the commit that says so. */
import type { Transaction } from "@sanlab/controller/store/store.ts";
import { rootKey } from "@sanlab/controller/tables/layout.ts";
import type { Model } from "./disks.ts";

export interface Restore {
  /** Tables. */
  readonly disk: string;
  readonly snapshot: string;
}

/** What a disk is called that has the former table of a restored one. */
export const FORMER = "disk/~";

/** Whether a transaction makes the table what a snapshot is. */
export function restores({ puts = [] }: Transaction, table: string): boolean {
  return puts.some(([key]) => key === rootKey(table)) && puts.some(([key]) => key.startsWith(FORMER));
}

export class Restores {
  readonly #model: Model;
  /** The last that was asked for; operations come one after another. */
  asked: Restore | undefined;

  constructor(model: Model) {
    this.#model = model;
  }

  committed(transaction: Transaction, tick: number): void {
    const { asked } = this;
    if (asked === undefined || !restores(transaction, asked.disk)) return;
    this.asked = undefined;
    this.#model.restore(asked.disk, asked.snapshot, tick);
  }
}
