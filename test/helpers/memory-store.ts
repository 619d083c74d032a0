/** A store in memory whose process may die at a commit: before it is durable, or after, before anybody hears of it. */
import {
  assertBounded,
  beginTerm,
  type Changed,
  type Lease,
  type Store,
  type StoreView,
  type Transaction,
} from "@sanlab/controller/store/store.ts";
import { isSame, Watchers } from "@sanlab/controller/store/watchers.ts";
import { MapView } from "../simulation/world/map-view.ts";

/** Thrown by the commit at which the controller dies; nothing it does afterwards reaches the store. */
export class Crash extends Error {}

export type CrashAt = { readonly commit: number; readonly when: "before" | "after" };

/** What the clients of one store have in common. */
class Contents {
  readonly entries: Map<string, Uint8Array>;
  readonly clients = new Set<Watchers>();
  readonly leases = new Map<string, MemoryStore>();

  constructor(entries: ReadonlyMap<string, Uint8Array>) {
    this.entries = new Map(entries);
  }
}

export class MemoryStore implements Store {
  commits = 0;
  readonly #contents: Contents;
  readonly #watchers = new Watchers((prefix) => this.#rows(prefix));
  readonly #crashAt: CrashAt | undefined;
  #isDead = false;

  /** The only client of a store that holds this; or one more of the store of another client. */
  constructor(of: ReadonlyMap<string, Uint8Array> | MemoryStore = new Map(), crashAt?: CrashAt) {
    this.#contents = of instanceof MemoryStore ? of.#contents : new Contents(of);
    this.#contents.clients.add(this.#watchers);
    this.#crashAt = crashAt;
  }

  get entries(): Map<string, Uint8Array> {
    return this.#contents.entries;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return copy(this.entries.get(key));
  }

  async range(prefix: string): Promise<[string, Uint8Array][]> {
    return this.#rows(prefix);
  }

  async view(): Promise<StoreView> {
    return new MapView(this.entries);
  }

  async commit(transaction: Transaction): Promise<boolean> {
    assertBounded(transaction);
    if (this.#isDead) throw new Crash("the controller is dead");
    const crashes = this.#crashAt?.commit === this.commits;
    this.commits += 1;
    if (crashes && this.#crashAt?.when === "before") this.#die();
    const done = this.#apply(transaction);
    if (crashes) this.#die();
    return done;
  }

  watch(prefix: string, heard: (changes: readonly Changed[]) => void): () => void {
    return this.#watchers.add(prefix, heard);
  }

  async lease(name: string): Promise<Lease | undefined> {
    const { leases } = this.#contents;
    if (leases.has(name)) return undefined;
    leases.set(name, this);
    return { term: await beginTerm(this, name), release: async () => this.#release(name) };
  }

  async close(): Promise<void> {
    this.#contents.clients.delete(this.#watchers);
    for (const name of [...this.#contents.leases.keys()]) this.#release(name);
  }

  #release(name: string): void {
    if (this.#contents.leases.get(name) === this) this.#contents.leases.delete(name);
  }

  #rows(prefix: string): [string, Uint8Array][] {
    const keys = [...this.entries.keys()].filter((key) => key.startsWith(prefix)).sort();
    return keys.map((key) => [key, copy(this.entries.get(key)) as Uint8Array]);
  }

  #apply({ compares = [], puts = [], deletes = [] }: Transaction): boolean {
    const holds = compares.every(([key, value]) => isSame(this.entries.get(key), value));
    if (!holds) return false;
    for (const key of deletes) this.entries.delete(key);
    for (const [key, value] of puts) this.entries.set(key, copy(value) as Uint8Array);
    const keys = [...puts.map(([key]) => key), ...deletes];
    for (const watchers of this.#contents.clients) watchers.look(keys);
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
