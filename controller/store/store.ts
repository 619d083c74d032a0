/**
 * Persistence as the controller sees it: keys in order, values as bytes, and transactions that
 * compare and put. No operation needs a transaction larger than a few chunks of a table.
 */
export interface Transaction {
  /** Holds only where each of these keys has this value now (undefined: is absent). */
  readonly compares?: readonly (readonly [key: string, value: Uint8Array | undefined])[];
  readonly puts?: readonly (readonly [key: string, value: Uint8Array])[];
  readonly deletes?: readonly string[];
}

export interface Store {
  get(key: string): Promise<Uint8Array | undefined>;
  /** All keys that begin with `prefix`, ascending. */
  range(prefix: string): Promise<[key: string, value: Uint8Array][]>;
  /** Durable when it resolves; false where a compare did not hold, and nothing was done then. */
  commit(transaction: Transaction): Promise<boolean>;
  close(): Promise<void>;
}

/** Who owns the store is kept in it, beside what it holds for that owner. */
export function isLeaseKey(key: string): boolean {
  return key.startsWith("lease/");
}
