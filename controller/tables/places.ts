/** Where the segments of a family lie: each place once, however many tables hold it. */
import { CHUNK_ENTRIES } from "node-iscsi-target/mapping/entry.ts";
import type { Edit } from "./edit.ts";
import { type Location, locationAt, sameLocation, wordOf } from "./layout.ts";

export interface Place {
  /** One of those that hold it. */
  readonly table: string;
  readonly segment: number;
  readonly location: Location;
}

/** The places of a chunk that was loaded, from one of its segments on. */
export function* places(edit: Edit, chunk: number, from = chunk * CHUNK_ENTRIES): Generator<Place> {
  const contents = edit.contents(chunk);
  for (let segment = from; segment < (chunk + 1) * CHUNK_ENTRIES; segment += 1) {
    const word = wordOf(segment);
    for (const [at, { table, entries }] of contents.entries()) {
      const location = locationAt(entries, word);
      const isSame = (other: { readonly entries: Uint32Array }) => sameLocation(other.entries, entries, word);
      // The first that has it tells of it.
      if (location !== undefined && contents.findIndex(isSame) === at) yield { table, segment, location };
    }
  }
}
