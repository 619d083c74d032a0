/**
 * A store as its one owner writes it: each transaction compares the term of the owner's lease, so that a
 * controller that was thought dead changes nothing once another has taken over, whatever became of the
 * lock, the clock or the network between it and the store.
 */
import { Refusal } from "../user-error.ts";
import {
  type Changed,
  type Lease,
  leaseKey,
  type Store,
  type StoreView,
  type Transaction,
  termValue,
} from "./store.ts";

const NAME = "controller";
const KEY = leaseKey(NAME);

export class OwnedStore implements Store {
  readonly #store: Store;
  readonly #lease: Lease;
  readonly #term: Uint8Array;
  readonly #lost = Promise.withResolvers<void>();
  readonly #unwatch: () => void;
  #isLost = false;
  #hasEnded = false;

  private constructor(store: Store, lease: Lease) {
    this.#store = store;
    this.#lease = lease;
    this.#term = termValue(lease.term);
    this.#unwatch = store.watch(KEY, (changes) => {
      if (changes.some((change) => this.#isTaking(change))) this.#lose();
    });
  }

  /** Undefined where another client owns it. */
  static async take(store: Store): Promise<OwnedStore | undefined> {
    const lease = await store.lease(NAME);
    return lease && new OwnedStore(store, lease);
  }

  /** Resolves when another has taken over. */
  get lost(): Promise<void> {
    return this.#lost.promise;
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return this.#store.get(key);
  }
  range(prefix: string): Promise<[key: string, value: Uint8Array][]> {
    return this.#store.range(prefix);
  }
  view(): Promise<StoreView> {
    return this.#store.view();
  }
  watch(prefix: string, heard: (changes: readonly Changed[]) => void): () => void {
    return this.#store.watch(prefix, heard);
  }
  lease(name: string): Promise<Lease | undefined> {
    return this.#store.lease(name);
  }

  /** @throws Refusal where another owns the store: nothing was done. */
  commit(transaction: Transaction): Promise<boolean> {
    // Its controller ends: what was under way stops here, as in a process that is gone.
    if (this.#hasEnded) return new Promise(() => undefined);
    if (this.#isLost) return Promise.reject(superseded());
    const compares = [...(transaction.compares ?? []), [KEY, this.#term] as const];
    return this.#store.commit({ ...transaction, compares }).then((done) => done || this.#explained());
  }

  /** It is anybody's then; the store stays open. */
  async release(): Promise<void> {
    this.#hasEnded = true;
    this.#unwatch();
    await this.#lease.release();
  }

  close(): Promise<void> {
    this.#hasEnded = true;
    this.#unwatch();
    return this.#store.close();
  }

  /** False: a compare of the transaction itself did not hold. */
  async #explained(): Promise<false> {
    if (!this.#isTaking([KEY, await this.#store.get(KEY)])) return false;
    this.#lose();
    throw superseded();
  }

  #isTaking([key, value]: Changed): boolean {
    return key === KEY && (value === undefined || Buffer.compare(value, this.#term) !== 0);
  }

  #lose(): void {
    this.#isLost = true;
    this.#lost.resolve();
  }
}

export function superseded(): Refusal {
  return new Refusal(
    "superseded",
    "Another controller has taken over these tables; this one changes nothing any more, and ends.",
  );
}
