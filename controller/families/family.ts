/**
 * A disk with all that was ever made of it, snapshots and clones of any depth, is a family. Only
 * tables of one family share segments, and only at the same virtual index: so who holds a location
 * is read from the tables themselves (docs/protocol.md, rule 10), and one queue per family serialises all
 * operations on its locations (rule 11).
 */
import type { AllRecords, DiskRecord } from "../records.ts";

export class Family {
  readonly id: string;
  /** Those of disks that are being deleted too, until nothing of them is left. */
  readonly tables = new Set<string>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(id: string) {
    this.id = id;
  }

  /** Runs work when all that was asked for before has ended. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}

export class Families {
  readonly #records: AllRecords;
  readonly #byId = new Map<string, Family>();
  readonly #byTable = new Map<string, { readonly family: Family; readonly disk: string }>();

  constructor(records: AllRecords) {
    this.#records = records;
  }

  load(): void {
    for (const disk of this.#records.disks.values()) this.add(disk);
  }

  all(): Family[] {
    return [...this.#byId.values()];
  }

  get(id: string): Family | undefined {
    return this.#byId.get(id);
  }

  add({ name, table, family: id }: DiskRecord): Family {
    const family = this.#byId.get(id) ?? new Family(id);
    this.#byId.set(id, family);
    this.#byTable.set(table, { family, disk: name });
    family.tables.add(table);
    return family;
  }

  remove(table: string): void {
    const family = this.of(table);
    family?.tables.delete(table);
    this.#byTable.delete(table);
    if (family?.tables.size === 0) this.#byId.delete(family.id);
  }

  of(table: string): Family | undefined {
    return this.#byTable.get(table)?.family;
  }

  /** The disk whose table it is. */
  disk(table: string): DiskRecord | undefined {
    return this.#records.disks.get(this.#byTable.get(table)?.disk ?? "");
  }

  /** Runs work in the turns of several families at once; always in one order, so that no two wait for each other. */
  runAll<T>(families: Iterable<Family>, work: () => Promise<T>): Promise<T> {
    const ordered = [...new Set(families)].sort((a, b) => (a.id < b.id ? -1 : 1));
    return ordered.reduceRight<() => Promise<T>>((inner, family) => () => family.run(inner), work)();
  }
}
