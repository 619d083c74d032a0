/** Roots and chunks as they are durable, in memory as far as they were used; and the generation of each chunk of each table. */
import type { Store } from "../store/store.ts";
import { ALL_ZERO, chunkKey, rootKey, words } from "./layout.ts";

/** Chunks kept in memory, 8 KiB each. */
const CACHED_CHUNKS = 4096;
/** Generations of an epoch are above all of the one before. */
const GENERATIONS_PER_EPOCH = 2 ** 32;

export class Tables {
  readonly #store: Store;
  readonly #roots = new Map<string, Uint32Array>();
  readonly #chunks = new Map<number, Uint32Array>();
  /** Newest change of each chunk in this epoch; whatever agents had before it is forgotten. */
  readonly #generations = new Map<string, Map<number, number>>();
  #firstGeneration = 0;
  #lastGeneration = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  beginEpoch(epoch: number): void {
    this.#firstGeneration = epoch * GENERATIONS_PER_EPOCH;
    this.#lastGeneration = this.#firstGeneration;
  }

  /** Chunk numbers of a table, as far as any was ever used. Not to be written to. */
  async root(table: string): Promise<Uint32Array> {
    const known = this.#roots.get(table);
    if (known !== undefined) return known;
    const root = words(await this.#store.get(rootKey(table)));
    this.#roots.set(table, root);
    return root;
  }

  /** The entries of a chunk, as word pairs. Not to be written to. */
  async chunk(number: number): Promise<Uint32Array> {
    if (number === 0) return ALL_ZERO;
    const entries = this.#chunks.get(number) ?? words(await this.#store.get(chunkKey(number)));
    this.keepChunk(number, entries);
    return entries;
  }

  keepRoot(table: string, root: Uint32Array): void {
    this.#roots.set(table, root);
  }

  keepChunk(number: number, entries: Uint32Array): void {
    this.#chunks.delete(number);
    this.#chunks.set(number, entries);
    if (this.#chunks.size > CACHED_CHUNKS) this.#chunks.delete(this.#chunks.keys().next().value as number);
  }

  dropChunk(number: number): void {
    this.#chunks.delete(number);
  }

  forget(table: string): void {
    this.#roots.delete(table);
    this.#generations.delete(table);
  }

  /** All that is in memory, by its key. */
  *known(
    keyOfRoot: (table: string) => string,
    keyOfChunk: (number: number) => string,
  ): Generator<[key: string, words: Uint32Array]> {
    for (const [table, root] of this.#roots) yield [keyOfRoot(table), root];
    for (const [number, entries] of this.#chunks) yield [keyOfChunk(number), entries];
  }

  /** The newest of all tables. */
  get generation(): number {
    return this.#lastGeneration;
  }

  /** Of the last change of a chunk of a table. */
  generationOf(table: string, chunk: number): number {
    return this.#generations.get(table)?.get(chunk) ?? this.#firstGeneration;
  }

  /** These chunks have changed, all at one generation. */
  changed(chunks: Iterable<readonly [table: string, chunk: number]>): void {
    this.#lastGeneration += 1;
    for (const [table, chunk] of chunks) {
      const known = this.#generations.get(table) ?? new Map<number, number>();
      this.#generations.set(table, known.set(chunk, this.#lastGeneration));
    }
  }

  /** All of a table has changed. */
  changedWholly(table: string, chunks: number): void {
    this.changed(Array.from({ length: chunks }, (_, chunk) => [table, chunk] as const));
  }
}
