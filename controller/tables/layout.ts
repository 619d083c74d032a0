/**
 * How tables lie in the store. Two levels: a root of chunk numbers per table, and chunks of
 * CHUNK_ENTRIES entries. A chunk that is absent (number 0) is all Z, so that a thin disk of any size
 * costs nothing to create; a chunk that several roots name is shared by their tables.
 */
import { CHUNK_ENTRIES, EntryState, MAX_DEVICE_SEGMENT } from "node-iscsi-target/mapping/entry.ts";
import { deviceOf, segmentOf } from "node-iscsi-target/mapping/mapping-table.ts";

/** A storage location (230). */
export interface Location {
  readonly device: number;
  readonly segment: number;
}

export const ALL_ZERO = new Uint32Array(CHUNK_ENTRIES * 2).map((_, at) => (at % 2 === 0 ? EntryState.ZERO : 0));

const digits = (number: number, width: number): string => number.toString(16).padStart(width, "0");
export const rootKey = (table: string): string => `root/${table}`;
export const chunkKey = (number: number): string => `chunk/${digits(number, 8)}`;
/** A page of the map of used segments of a device. */
export const usedKey = (device: number, page: number): string => `used/${digits(device, 3)}/${digits(page, 5)}`;
export const locationName = ({ device, segment }: Location): string => `${device}/${segment}`;

export const chunkOf = (segment: number): number => Math.floor(segment / CHUNK_ENTRIES);
/** Of word 0 of an entry in its chunk; word 1 follows. */
export const wordOf = (segment: number): number => (segment % CHUNK_ENTRIES) * 2;

/** Where the entry at a word of a chunk lies; undefined where it has no location. */
export function locationAt(entries: Uint32Array, word: number): Location | undefined {
  const device = deviceOf(entries[word + 1] as number);
  return device === 0 ? undefined : { device, segment: segmentOf(entries[word] as number) };
}

/** Whether two chunks hold the same location in the entry at a word, whatever its states. */
export function sameLocation(a: Uint32Array, b: Uint32Array, word: number): boolean {
  const device = (a[word + 1] as number) >>> 20;
  if (device === 0 || device !== (b[word + 1] as number) >>> 20) return false;
  return (((a[word] as number) ^ (b[word] as number)) & MAX_DEVICE_SEGMENT) === 0;
}

export function words(value: Uint8Array | undefined): Uint32Array {
  return value === undefined ? new Uint32Array(0) : new Uint32Array(value.slice().buffer);
}
export function bytes(entries: Uint32Array): Uint8Array {
  return new Uint8Array(entries.buffer.slice(entries.byteOffset, entries.byteOffset + entries.byteLength));
}

/** Locations as runs that adjoin on a device: [device, first segment, count]. */
export type LocationRun = readonly [device: number, segment: number, count: number];

export function runsOf(locations: readonly Location[]): LocationRun[] {
  const sorted = [...locations].sort((a, b) => a.device - b.device || a.segment - b.segment);
  const runs: [number, number, number][] = [];
  for (const { device, segment } of sorted) {
    const last = runs.at(-1);
    if (last !== undefined && last[0] === device && last[1] + last[2] === segment) last[2] += 1;
    else runs.push([device, segment, 1]);
  }
  return runs;
}

export function* locationsOf(runs: readonly LocationRun[]): Generator<Location> {
  for (const [device, first, count] of runs) {
    for (let segment = first; segment < first + count; segment += 1) yield { device, segment };
  }
}
