/** The persistent tables as they are in the store at this instant: what may be written to where. */
import type { Transaction } from "@sanlab/controller/store/store.ts";
import { chunkKey, rootKey } from "@sanlab/controller/tables/layout.ts";
import { CHUNK_ENTRIES, EntryState } from "node-iscsi-target/mapping/entry.ts";
import { deviceOf, isPlain, segmentOf } from "node-iscsi-target/mapping/mapping-table.ts";

export interface DurableEntry {
  /** Path of the device. */
  readonly path: string;
  readonly segment: number;
  /** It takes writes. */
  readonly isPlain: boolean;
}

export class DurableTables {
  readonly #entries: ReadonlyMap<string, Uint8Array>;
  /** Decoded values, as long as they are the ones in the store. */
  readonly #words = new Map<string, Uint32Array>();
  readonly #paths = new Map<number, string>();

  constructor(entries: ReadonlyMap<string, Uint8Array>) {
    this.#entries = entries;
  }

  /** Something was committed. */
  changed({ puts = [], deletes = [] }: Transaction): void {
    for (const [key] of puts) this.#words.delete(key);
    for (const key of deletes) this.#words.delete(key);
    for (const [key, value] of puts) {
      if (!key.startsWith("device/")) continue;
      const { device, path } = JSON.parse(Buffer.from(value).toString()) as { device: number; path: string };
      this.#paths.set(device, path);
    }
  }

  /** Where a segment of a table lies; undefined where it is zero, or the table is not there. */
  entry(table: string, segment: number): DurableEntry | undefined {
    const root = this.#decoded(rootKey(table));
    const number = root?.[Math.floor(segment / CHUNK_ENTRIES)] ?? 0;
    const chunk = number === 0 ? undefined : this.#decoded(chunkKey(number));
    if (chunk === undefined) return undefined;
    const at = (segment % CHUNK_ENTRIES) * 2;
    const [word0, word1] = [chunk[at] as number, chunk[at + 1] as number];
    if (word0 & EntryState.ZERO) return undefined;
    const path = this.#paths.get(deviceOf(word1)) ?? `device ${deviceOf(word1)}`;
    return { path, segment: segmentOf(word0), isPlain: isPlain(word0) };
  }

  #decoded(key: string): Uint32Array | undefined {
    const known = this.#words.get(key);
    if (known !== undefined) return known;
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    const words = new Uint32Array(value.slice().buffer);
    this.#words.set(key, words);
    return words;
  }
}
