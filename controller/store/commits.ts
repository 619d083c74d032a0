/** Transactions of the tables, one after another: each is filled when its turn has come, so that it sees what is durable then. */
import type { Put, Records } from "./records.ts";
import type { Store } from "./store.ts";

/** What one transaction does, and what is known once it is durable. */
export class Change {
  readonly puts = new Map<string, Uint8Array>();
  readonly deletes = new Set<string>();
  readonly #learn: (() => void)[] = [];
  readonly #undo: (() => void)[] = [];

  put([key, value]: Put): this {
    this.deletes.delete(key);
    this.puts.set(key, value);
    return this;
  }
  delete(key: string): this {
    this.puts.delete(key);
    this.deletes.add(key);
    return this;
  }
  /** A record from then on. */
  replace<T extends object>(records: Records<T>, name: string, record: T): this {
    return this.put(records.put(name, record)).learn(() => records.learn(name, record));
  }
  /** No record any more. */
  drop<T extends object>(records: Records<T>, name: string): this {
    return this.delete(records.key(name)).learn(() => records.learn(name, undefined));
  }
  /** To be done right after it has committed. */
  learn(step: () => void): this {
    this.#learn.push(step);
    return this;
  }
  /** To be done where it could not be committed. */
  orElse(step: () => void): this {
    this.#undo.push(step);
    return this;
  }

  committed(): void {
    for (const step of this.#learn) step();
  }
  failed(): void {
    for (const step of this.#undo) step();
  }
}

export class Commits {
  readonly #store: Store;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Resolves, with what `fill` gave, when the transaction is durable and learned. `fill` does not wait for anything. */
  run<T>(fill: (change: Change) => T): Promise<T> {
    const turn = this.#turn.then(() => this.#one(fill));
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** Runs work between two transactions: what is stored is what is known then. */
  between<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #one<T>(fill: (change: Change) => T): Promise<T> {
    const change = new Change();
    try {
      const result = fill(change);
      if (change.puts.size + change.deletes.size > 0) {
        await this.#store.commit({ puts: [...change.puts], deletes: [...change.deletes] });
      }
      change.committed();
      return result;
    } catch (error) {
      change.failed();
      throw error;
    }
  }
}
