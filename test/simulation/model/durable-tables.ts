/** The persistent tables as they are in the store at this instant: what may be written to where. */
import type { CopyRecord } from "@sanlab/controller/records.ts";
import type { Transaction } from "@sanlab/controller/store/store.ts";
import {
  chunkKey,
  chunkOf,
  type Location,
  locationAt,
  rootKey,
  wordOf,
  words,
} from "@sanlab/controller/tables/layout.ts";
import { isPlain } from "node-iscsi-target/mapping/mapping-table.ts";

const ROOT = rootKey("");
const COPYING = "copying/";

export interface DurableEntry {
  /** Path of the device. */
  readonly path: string;
  readonly segment: number;
  /** It takes writes: no state forbids them, no other table holds the place, and step 560 is complete. */
  readonly isPlain: boolean;
}

export class DurableTables {
  readonly #entries: ReadonlyMap<string, Uint8Array>;
  /** Decoded values, as long as they are the ones in the store. */
  readonly #words = new Map<string, Uint32Array>();
  readonly #paths = new Map<number, string>();
  readonly #tables = new Set<string>();
  readonly #copying = new Map<string, CopyRecord["copies"]>();

  constructor(entries: ReadonlyMap<string, Uint8Array>) {
    this.#entries = entries;
  }

  /** Something was committed. */
  changed({ puts = [], deletes = [] }: Transaction): void {
    for (const key of deletes) {
      this.#words.delete(key);
      this.#copying.delete(key);
      if (key.startsWith(ROOT)) this.#tables.delete(key.slice(ROOT.length));
    }
    for (const [key, value] of puts) {
      this.#words.delete(key);
      if (key.startsWith(ROOT)) this.#tables.add(key.slice(ROOT.length));
      if (key.startsWith(COPYING)) this.#copying.set(key, json<CopyRecord>(value).copies);
      if (!key.startsWith("device/")) continue;
      const { device, path } = json<{ device: number; path: string }>(value);
      this.#paths.set(device, path);
    }
  }

  /** Where a segment of a table lies; undefined where it is zero, or the table is not there. */
  entry(table: string, segment: number): DurableEntry | undefined {
    const chunk = this.#chunk(table, segment);
    const location = chunk && locationAt(chunk, wordOf(segment));
    if (chunk === undefined || location === undefined) return undefined;
    const isCopied = [...this.#copying.values()].some((copies) =>
      copies.some((copy) => copy.table === table && copy.segment === segment),
    );
    const isOwn = isPlain(chunk[wordOf(segment)] as number) && !this.#isShared(table, segment, location);
    return { path: this.#path(location), segment: location.segment, isPlain: isOwn && !isCopied };
  }

  /** How many places all tables hold. */
  get places(): number {
    const places = new Set<string>();
    for (const table of this.#tables) {
      for (const number of this.#decoded(rootKey(table)) ?? []) {
        const chunk = number === 0 ? undefined : this.#decoded(chunkKey(number));
        for (let word = 0; word < (chunk?.length ?? 0); word += 2) {
          const location = locationAt(chunk as Uint32Array, word);
          if (location !== undefined) places.add(`${location.device}/${location.segment}`);
        }
      }
    }
    return places.size;
  }

  #isShared(table: string, segment: number, { device, segment: place }: Location): boolean {
    for (const other of this.#tables) {
      const chunk = other === table ? undefined : this.#chunk(other, segment);
      const location = chunk && locationAt(chunk, wordOf(segment));
      if (location?.device === device && location.segment === place) return true;
    }
    return false;
  }

  #path({ device }: Location): string {
    return this.#paths.get(device) ?? `device ${device}`;
  }

  #chunk(table: string, segment: number): Uint32Array | undefined {
    const number = this.#decoded(rootKey(table))?.[chunkOf(segment)] ?? 0;
    return number === 0 ? undefined : this.#decoded(chunkKey(number));
  }

  #decoded(key: string): Uint32Array | undefined {
    const known = this.#words.get(key);
    if (known !== undefined) return known;
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    const decoded = words(value);
    this.#words.set(key, decoded);
    return decoded;
  }
}

function json<T>(value: Uint8Array): T {
  return JSON.parse(Buffer.from(value).toString()) as T;
}
