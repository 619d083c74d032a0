/**
 * The store in memory: what is committed, and what is on its way. Commits are durable in the order
 * in which they were asked for, at once or later; a crash or a loss of power leaves a beginning of
 * them.
 */
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
import type { Chance } from "../engine/chance.ts";
import type { Scheduler } from "../engine/scheduler.ts";
import { MapView } from "./map-view.ts";

export interface SimStoreOptions {
  readonly scheduler: Scheduler;
  readonly chance: Chance;
  /** How many commits are durable in the very call, as SQLite's are. */
  readonly immediate: number;
  /** Mean time of the others. */
  readonly delayMs: number;
  /** Called when a transaction has become durable. */
  readonly onCommit: (transaction: Transaction) => void;
}

interface Pending {
  readonly transaction: Transaction;
  readonly life: StoreLife;
  readonly resolve: (done: boolean) => void;
}

/** Where the controller dies: at its so manieth commit from now of those that touch such a key, before it is durable or after. */
export interface CommitCrash {
  commits: number;
  /** The beginning of the key. */
  readonly touches: string;
  readonly when: "before" | "after";
  readonly crash: () => void;
}

export class SimStore {
  readonly entries = new Map<string, Uint8Array>();
  readonly lives = new Set<StoreLife>();
  readonly leases = new Map<string, StoreLife>();
  crashAt: CommitCrash | undefined;
  readonly #o: SimStoreOptions;
  #pending: Pending[] = [];
  #lastMs = 0;

  constructor(options: SimStoreOptions) {
    this.#o = options;
  }

  open(): StoreLife {
    for (const life of this.lives) if (life.isDead) this.lives.delete(life);
    const life = new StoreLife(this);
    this.lives.add(life);
    return life;
  }

  commit(life: StoreLife, transaction: Transaction): Promise<boolean> {
    const { chance, scheduler } = this.#o;
    return new Promise((resolve) => {
      this.#pending.push({ transaction, life, resolve });
      if (this.#pending.length === 1 && chance.hit(this.#o.immediate)) return this.#next();
      this.#lastMs = Math.max(this.#lastMs, scheduler.nowMs + chance.delay(this.#o.delayMs));
      scheduler.at(this.#lastMs, () => this.#next());
    });
  }

  /** The controller is gone; of what it had asked for, a beginning is durable. */
  crash(): void {
    const kept = this.#o.chance.below(this.#pending.length + 1);
    const pending = this.#pending;
    this.#pending = [];
    for (const { transaction } of pending.slice(0, kept)) this.#apply(transaction);
  }

  #next(): void {
    const next = this.#pending.shift();
    if (next === undefined) return;
    const crash = this.#crashesAt(next.transaction);
    if (crash?.when === "before") {
      this.#pending = [];
      return crash.crash();
    }
    const done = this.#apply(next.transaction);
    if (crash !== undefined) return crash.crash();
    if (!next.life.isDead) next.resolve(done);
  }

  #crashesAt({ puts = [], deletes = [] }: Transaction): CommitCrash | undefined {
    const crash = this.crashAt;
    const keys = [...puts.map(([key]) => key), ...deletes];
    if (crash === undefined || !keys.some((key) => key.startsWith(crash.touches))) return undefined;
    crash.commits -= 1;
    if (crash.commits > 0) return undefined;
    this.crashAt = undefined;
    return crash;
  }

  #apply(transaction: Transaction): boolean {
    const { compares = [], puts = [], deletes = [] } = transaction;
    if (!compares.every(([key, value]) => isSame(this.entries.get(key), value))) return false;
    for (const key of deletes) this.entries.delete(key);
    for (const [key, value] of puts) this.entries.set(key, Uint8Array.from(value));
    this.#o.onCommit(transaction);
    const keys = [...puts.map(([key]) => key), ...deletes];
    for (const life of this.lives) if (!life.isDead) life.watchers.look(keys);
    return true;
  }
}

/** The store as one process of the controller has it: silent once that is dead. */
export class StoreLife implements Store {
  isDead = false;
  readonly watchers = new Watchers((prefix) => this.#rows(prefix));
  readonly #store: SimStore;

  constructor(store: SimStore) {
    this.#store = store;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    if (this.isDead) return never();
    const value = this.#store.entries.get(key);
    return value && Uint8Array.from(value);
  }

  async range(prefix: string): Promise<[string, Uint8Array][]> {
    return this.isDead ? never() : this.#rows(prefix);
  }

  async view(): Promise<StoreView> {
    return this.isDead ? never() : new MapView(this.#store.entries);
  }

  async commit(transaction: Transaction): Promise<boolean> {
    assertBounded(transaction);
    return this.isDead ? never() : this.#store.commit(this, transaction);
  }

  watch(prefix: string, heard: (changes: readonly Changed[]) => void): () => void {
    return this.watchers.add(prefix, heard);
  }

  /** That of a process which is dead is anybody's. */
  async lease(name: string): Promise<Lease | undefined> {
    const { leases } = this.#store;
    if (leases.get(name)?.isDead === false) return undefined;
    leases.set(name, this);
    const term = await beginTerm(this, name);
    return { term, release: async () => void leases.delete(name) };
  }

  #rows(prefix: string): [string, Uint8Array][] {
    const keys = [...this.#store.entries.keys()].filter((key) => key.startsWith(prefix)).sort();
    return keys.map((key) => [key, Uint8Array.from(this.#store.entries.get(key) as Uint8Array)]);
  }

  async close(): Promise<void> {
    this.isDead = true;
  }
}

/** What the dead wait for. */
export function never<T>(): Promise<T> {
  return new Promise(() => undefined);
}
