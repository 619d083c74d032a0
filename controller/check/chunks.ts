/**
 * The chunks of a store, as a repair would have them. Contents are read when they are looked at, and given up
 * again: a store may hold many times what fits into memory. Only what was changed stays.
 */
import { CHUNK_BYTES } from "node-iscsi-target/mapping/entry.ts";
import type { StoreView } from "../store/store.ts";
import { chunkKey } from "../tables/layout.ts";

/** Contents that are kept for a while, 8 KiB each. */
const RECENT = 1024;
const KEY = /^chunk\/[0-7][0-9a-f]{7}$/;

export function isChunkKey(key: string): boolean {
  return KEY.test(key);
}

export class Chunks {
  readonly #view: StoreView;
  readonly #numbers = new Set<number>();
  readonly #recent = new Map<number, Uint32Array>();
  readonly #changed = new Map<number, Uint32Array>();
  /** Bytes of those that are not of a chunk's length, as far as they were looked at. */
  readonly torn = new Map<number, number>();

  /** @param keys of chunks */
  constructor(view: StoreView, keys: Iterable<string>) {
    this.#view = view;
    for (const key of keys) this.#numbers.add(Number.parseInt(key.slice("chunk/".length), 16));
  }

  has(number: number): boolean {
    return this.#numbers.has(number);
  }
  numbers(): Iterable<number> {
    return this.#numbers;
  }

  /** To be written to only with `set` afterwards. Undefined where there is no such chunk. */
  async get(number: number): Promise<Uint32Array | undefined> {
    const known = this.#changed.get(number) ?? this.#recent.get(number);
    if (known !== undefined || !this.#numbers.has(number)) return known;
    const value = (await this.#view.get(chunkKey(number))) ?? new Uint8Array(0);
    if (value.length !== CHUNK_BYTES) this.torn.set(number, value.length);
    const entries = wholeWords(value, Math.min(CHUNK_BYTES, value.length - (value.length % 8)));
    this.#recent.set(number, entries);
    if (this.#recent.size > RECENT) this.#recent.delete(this.#recent.keys().next().value as number);
    return entries;
  }

  set(number: number, entries: Uint32Array): void {
    this.#numbers.add(number);
    this.#changed.set(number, entries);
  }

  delete(number: number): void {
    this.#numbers.delete(number);
    this.#changed.delete(number);
    this.#recent.delete(number);
  }
}

export function wholeWords(value: Uint8Array, length: number): Uint32Array {
  return new Uint32Array(value.slice(0, length).buffer);
}
