/** How much the transaction of a round writes: chunks and roots that are changed, each counted once. */
import { CHUNK_BYTES } from "node-iscsi-target/mapping/entry.ts";
import { MAX_TRANSACTION_BYTES } from "../store/store.ts";
import type { Edit } from "../tables/edit.ts";
import { chunkOf } from "../tables/layout.ts";

/** The rest is for what goes along: used segments, counts, the record of the copies. */
const MOST_BYTES = MAX_TRANSACTION_BYTES / 2;

export class RoundSize {
  readonly #edit: Edit;
  readonly #rootBytes: (table: string) => number;
  readonly #written = new Map<string, number>();
  #bytes = 0;

  constructor(edit: Edit, rootBytes: (table: string) => number) {
    this.#edit = edit;
    this.#rootBytes = rootBytes;
  }

  /** Of these, as many of the first as there is room for; one at least where nothing is counted yet. */
  fitting(table: string, segments: readonly number[]): number[] {
    const added = new Map<string, number>();
    let bytes = this.#bytes;
    let count = 0;
    for (const segment of segments) {
      for (const [key, size] of this.#changed(table, segment)) {
        if (this.#written.has(key) || added.has(key)) continue;
        added.set(key, size);
        bytes += size;
      }
      if (bytes > MOST_BYTES && this.#bytes + count > 0) break;
      count += 1;
    }
    return segments.slice(0, count);
  }

  add(table: string, segment: number): void {
    for (const [key, size] of this.#changed(table, segment)) {
      if (this.#written.has(key)) continue;
      this.#written.set(key, size);
      this.#bytes += size;
    }
  }

  /** The table's own chunk and root, and the chunks of those who share the segment. */
  #changed(table: string, segment: number): (readonly [key: string, bytes: number])[] {
    const chunk = chunkOf(segment);
    const own = [`${table}/${chunk}`, `${table}`] as const;
    return [
      [own[0], CHUNK_BYTES],
      [own[1], this.#rootBytes(table)],
      ...this.#edit.sharedChunks(table, segment).map((number) => [String(number), CHUNK_BYTES] as const),
    ];
  }
}
