/** A store in memory whose process may die at a commit: before it is durable, or after, before anybody hears of it. */
import type { Store, Transaction } from "@sanlab/controller/store/store.ts";

/** Thrown by the commit at which the controller dies; nothing it does afterwards reaches the store. */
export class Crash extends Error {}

export type CrashAt = { readonly commit: number; readonly when: "before" | "after" };

export class MemoryStore implements Store {
  readonly entries: Map<string, Uint8Array>;
  commits = 0;
  readonly #crashAt: CrashAt | undefined;
  #isDead = false;

  constructor(entries: ReadonlyMap<string, Uint8Array> = new Map(), crashAt?: CrashAt) {
    this.entries = new Map(entries);
    this.#crashAt = crashAt;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return copy(this.entries.get(key));
  }

  async range(prefix: string): Promise<[string, Uint8Array][]> {
    const keys = [...this.entries.keys()].filter((key) => key.startsWith(prefix)).sort();
    return keys.map((key) => [key, copy(this.entries.get(key)) as Uint8Array]);
  }

  async commit(transaction: Transaction): Promise<boolean> {
    if (this.#isDead) throw new Crash("the controller is dead");
    const crashes = this.#crashAt?.commit === this.commits;
    this.commits += 1;
    if (crashes && this.#crashAt?.when === "before") this.#die();
    const done = this.#apply(transaction);
    if (crashes) this.#die();
    return done;
  }

  async close(): Promise<void> {}

  #apply({ compares = [], puts = [], deletes = [] }: Transaction): boolean {
    const holds = compares.every(([key, value]) => isSame(this.entries.get(key), value));
    if (!holds) return false;
    for (const key of deletes) this.entries.delete(key);
    for (const [key, value] of puts) this.entries.set(key, copy(value) as Uint8Array);
    return true;
  }

  #die(): never {
    this.#isDead = true;
    throw new Crash(`the controller dies at commit ${this.commits - 1}`);
  }
}

/** One that cannot be written for a while, as on a file system that is full. */
export class FailingStore extends MemoryStore {
  fails: (transaction: Transaction) => boolean = () => false;

  override async commit(transaction: Transaction): Promise<boolean> {
    if (this.fails(transaction)) throw new Error("the disk is full");
    return super.commit(transaction);
  }
}

function copy(value: Uint8Array | undefined): Uint8Array | undefined {
  return value === undefined ? undefined : Uint8Array.from(value);
}

function isSame(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : Buffer.compare(a, b) === 0;
}
