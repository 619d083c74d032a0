/**
 * Persistence as the controller sees it: keys in order, values as bytes, transactions that compare and
 * put, keys that are watched, and leases. No more than an external database (etcd, FoundationDB) offers:
 * whatever passes the suite of `test/helpers/store-checks.ts` will do.
 */
export interface Transaction {
  /** Holds only where each of these keys has this value now (undefined: is absent). */
  readonly compares?: readonly (readonly [key: string, value: Uint8Array | undefined])[];
  readonly puts?: readonly (readonly [key: string, value: Uint8Array])[];
  readonly deletes?: readonly string[];
}

/** A key that was changed, and what it has now; undefined: it is gone. */
export type Changed = readonly [key: string, value: Uint8Array | undefined];

/** Of several clients of one store at most one has the lease of a name. */
export interface Lease {
  /** Greater than every term of this name before; stored under `leaseKey` as `termValue` tells, so that transactions compare it. */
  readonly term: number;
  release(): Promise<void>;
}

/** What a store held at one instant, however much is committed meanwhile. */
export interface StoreView {
  get(key: string): Promise<Uint8Array | undefined>;
  /** All keys that begin with `prefix`, ascending. */
  range(prefix: string): Promise<[key: string, value: Uint8Array][]>;
  /** As `range`, without the values. */
  keys(prefix: string): Promise<string[]>;
  /** What it keeps from being tidied up is. */
  close(): Promise<void>;
}

/** One client of a store. */
export interface Store {
  get(key: string): Promise<Uint8Array | undefined>;
  /** All keys that begin with `prefix`, ascending, as they are at one instant. */
  range(prefix: string): Promise<[key: string, value: Uint8Array][]>;
  /** What is stored at this instant, to be read bit by bit; for minutes, not for ever. */
  view(): Promise<StoreView>;
  /** Durable when it resolves; false where a compare did not hold, and nothing was done then. @throws TransactionTooLarge, and nothing was done */
  commit(transaction: Transaction): Promise<boolean>;
  /**
   * Tells of changes to keys that begin with `prefix` once they are durable, whichever client made them.
   * States that pass quickly may be left out, the last one never. @returns what ends it
   */
  watch(prefix: string, heard: (changes: readonly Changed[]) => void): () => void;
  /** Undefined where another client has it, whose process lives; a client that has ended has none. */
  lease(name: string): Promise<Lease | undefined>;
  /** Ends its watches and leases too. */
  close(): Promise<void>;
}

/** Bounds of one transaction: keys that are compared, put or deleted, and bytes of all keys and values. */
export const MAX_TRANSACTION_KEYS = 10_000;
export const MAX_TRANSACTION_BYTES = 8 * 1024 * 1024;

/** A bug of whoever made it: operations on more are several transactions. */
export class TransactionTooLarge extends Error {}

/** For every implementation, before it does anything. @throws TransactionTooLarge */
export function assertBounded({ compares = [], puts = [], deletes = [] }: Transaction): void {
  const keys = compares.length + puts.length + deletes.length;
  if (keys > MAX_TRANSACTION_KEYS) {
    throw new TransactionTooLarge(`A transaction of ${keys} keys is over the limit of ${MAX_TRANSACTION_KEYS}.`);
  }
  let bytes = deletes.reduce((sum, key) => sum + Buffer.byteLength(key), 0);
  for (const [key, value] of [...compares, ...puts]) bytes += Buffer.byteLength(key) + (value?.length ?? 0);
  if (bytes > MAX_TRANSACTION_BYTES) {
    throw new TransactionTooLarge(`A transaction of ${bytes} bytes is over the limit of ${MAX_TRANSACTION_BYTES}.`);
  }
}

const LEASES = "lease/";

/** Where the term of a lease is stored. */
export function leaseKey(name: string): string {
  return LEASES + name;
}
export function isLeaseKey(key: string): boolean {
  return key.startsWith(LEASES);
}
export function termValue(term: number): Uint8Array {
  return Buffer.from(JSON.stringify({ term }));
}

/** For implementations: the next term of a lease, durably, once nobody else can have it. */
export async function beginTerm(store: Pick<Store, "get" | "commit">, name: string): Promise<number> {
  for (;;) {
    const before = await store.get(leaseKey(name));
    const term = termOf(before) + 1;
    if (await store.commit({ compares: [[leaseKey(name), before]], puts: [[leaseKey(name), termValue(term)]] }))
      return term;
  }
}

function termOf(value: Uint8Array | undefined): number {
  if (value === undefined) return 0;
  const [, term] = /^\{"term":(\d{1,15})\}$/.exec(Buffer.from(value).toString("utf8")) ?? [];
  // Where something else lies there, no term that was given out is near the time of day.
  return term === undefined ? Date.now() : Number(term);
}
