/**
 * Mapping tables on two levels: a root of chunk numbers, and chunks of CHUNK_ENTRIES entries that
 * tables may share. A chunk that is absent (number 0) is all Z, so that a thin disk of any size
 * costs nothing to create.
 *
 * References are records: `chunk-holder/CHUNK/TABLE`, and `segment/DEVICE/SEGMENT` for each segment
 * in use, which names the chunk and the index that hold it.
 */
import { CHUNK_ENTRIES, EntryState } from "node-iscsi-target/mapping/entry.ts";
import type { Store, Transaction } from "../store/store.ts";

/** Chunks kept in memory, 8 KiB each. */
const CACHED_CHUNKS = 4096;

export class Tables {
  readonly #store: Store;
  readonly #roots = new Map<string, Uint32Array>();
  readonly #chunks = new Map<number, Uint32Array>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Chunk numbers of a table, as far as any was ever used. */
  async root(table: string): Promise<Uint32Array> {
    let root = this.#roots.get(table);
    if (root === undefined) {
      root = words(await this.#store.get(rootKey(table)));
      this.#roots.set(table, root);
    }
    return root;
  }

  /** The entries of a chunk of a table, as word pairs. Not to be written to. */
  async read(table: string, index: number): Promise<Uint32Array> {
    const number = (await this.root(table))[index] ?? 0;
    return number === 0 ? ALL_ZERO : this.#chunk(number);
  }

  /** What to commit so that the chunk of a table has these entries; `learn` after it has committed. */
  async write(table: string, index: number, entries: Uint32Array, freshNumber: () => number): Promise<ChunkWrite> {
    const root = await this.root(table);
    const number = root[index] ?? 0;
    if (number !== 0)
      return { number, puts: [[chunkKey(number), bytes(entries)]], learn: () => this.#keep(number, entries) };
    const fresh = freshNumber();
    const grown = new Uint32Array(Math.max(root.length, index + 1));
    grown.set(root);
    grown[index] = fresh;
    return {
      number: fresh,
      puts: [
        [chunkKey(fresh), bytes(entries)],
        [rootKey(table), bytes(grown)],
        [holderKey(fresh, table), Buffer.from("{}")],
      ],
      learn: () => {
        this.#roots.set(table, grown);
        this.#keep(fresh, entries);
      },
    };
  }

  /** What to delete when a table goes away. */
  async removal(table: string): Promise<string[]> {
    const numbers = [...(await this.root(table))].filter((number) => number !== 0);
    return [rootKey(table), ...numbers.flatMap((number) => [chunkKey(number), holderKey(number, table)])];
  }

  forget(table: string): void {
    this.#roots.delete(table);
  }

  async #chunk(number: number): Promise<Uint32Array> {
    const cached = this.#chunks.get(number);
    if (cached !== undefined) return cached;
    const chunk = words(await this.#store.get(chunkKey(number)));
    this.#keep(number, chunk);
    return chunk;
  }

  #keep(number: number, entries: Uint32Array): void {
    this.#chunks.delete(number);
    this.#chunks.set(number, entries);
    if (this.#chunks.size > CACHED_CHUNKS) this.#chunks.delete(this.#chunks.keys().next().value as number);
  }
}

export interface ChunkWrite {
  readonly number: number;
  readonly puts: NonNullable<Transaction["puts"]>;
  readonly learn: () => void;
}

const ALL_ZERO = new Uint32Array(CHUNK_ENTRIES * 2).map((_, at) => (at % 2 === 0 ? EntryState.ZERO : 0));

const digits = (number: number, width: number): string => number.toString(16).padStart(width, "0");
export const rootKey = (table: string): string => `root/${table}`;
export const chunkKey = (number: number): string => `chunk/${digits(number, 8)}`;
export const holderKey = (number: number, table: string): string => `chunk-holder/${digits(number, 8)}/${table}`;
export const segmentKey = (device: number, segment: number): string =>
  `segment/${digits(device, 3)}/${digits(segment, 7)}`;

function words(value: Uint8Array | undefined): Uint32Array {
  if (value === undefined) return new Uint32Array(0);
  return new Uint32Array(value.slice().buffer);
}
function bytes(entries: Uint32Array): Uint8Array {
  return new Uint8Array(entries.buffer.slice(entries.byteOffset, entries.byteOffset + entries.byteLength));
}
