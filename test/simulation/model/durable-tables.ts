/** The persistent tables as they are in the store at this instant: what may be written to where. */
import type { AheadRecord, CopyRecord, DeviceRecord } from "@sanlab/controller/records.ts";
import type { Transaction } from "@sanlab/controller/store/store.ts";
import {
  chunkKey,
  chunkOf,
  type Location,
  locationAt,
  locationName,
  rootKey,
  wordOf,
  words,
} from "@sanlab/controller/tables/layout.ts";
import { CHUNK_ENTRIES, EntryState } from "node-iscsi-target/mapping/entry.ts";

const ROOT = rootKey("");
const COPYING = "copying/";
const UNWRITABLE = EntryState.INVALID | EntryState.ZERO | EntryState.NO_WRITE;
const AHEAD = "ahead/";

export interface DurableEntry {
  /** Path of the device. */
  readonly path: string;
  readonly segment: number;
  /** It takes writes, where it does not fail: no state forbids them, no other table holds the place, and step 560 is complete. */
  readonly isPlain: boolean;
  /** State E (270). */
  readonly isFailing: boolean;
}

export class DurableTables {
  readonly #entries: ReadonlyMap<string, Uint8Array>;
  /** Decoded values, as long as they are the ones in the store. */
  readonly #words = new Map<string, Uint32Array>();
  readonly #paths = new Map<number, string>();
  /** Paths of devices that are being taken out by force, or were. */
  readonly #removed = new Set<string>();
  readonly #tables = new Set<string>();
  readonly #copying = new Map<string, CopyRecord["copies"]>();

  /** Segments that were ever allocated ahead of what was written, by table. */
  readonly ahead = new Map<string, Set<number>>();

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
      if (key.startsWith(AHEAD)) this.#allocatedAhead(json<AheadRecord>(value));
      if (!key.startsWith("device/")) continue;
      const { device, path, removed } = json<DeviceRecord>(value);
      this.#paths.set(device, path);
      if (removed === true) this.#removed.add(path);
      else this.#removed.delete(path);
    }
  }

  /** Copies whose step 560 a transaction says to be complete. To be called before `changed`. */
  completedBy({ deletes = [] }: Transaction): CopyRecord["copies"] {
    return deletes.flatMap((key) => this.#copying.get(key) ?? []);
  }

  #allocatedAhead({ ranges }: AheadRecord): void {
    for (const [table, first, count] of ranges) {
      const segments = this.ahead.get(table) ?? new Set();
      for (let segment = first; segment < first + count; segment += 1) segments.add(segment);
      this.ahead.set(table, segments);
    }
  }

  /** Where a segment of a table lies; undefined where it is zero, or the table is not there. */
  entry(table: string, segment: number): DurableEntry | undefined {
    const chunk = this.#chunk(table, segment);
    const location = chunk && locationAt(chunk, wordOf(segment));
    if (chunk === undefined || location === undefined) return undefined;
    const word0 = chunk[wordOf(segment)] as number;
    const isOwn = (word0 & UNWRITABLE) === 0 && !this.#isShared(table, segment, location);
    const isFailing = (word0 & EntryState.ERROR) !== 0;
    return {
      path: this.path(location),
      segment: location.segment,
      isPlain: isOwn && !this.isCopied(table, segment),
      isFailing,
    };
  }

  /** Step 560 is not complete for those who held it too. */
  isCopied(table: string, segment: number): boolean {
    return [...this.#copying.values()].some((copies) =>
      copies.some((copy) => copy.table === table && copy.segment === segment),
    );
  }

  hasTable(table: string): boolean {
    return this.#tables.has(table);
  }

  /** Entries in state E, as `table/segment`. */
  *failing(): Generator<string> {
    for (const [table, first, chunk] of this.#chunks())
      for (const at of failingIn(chunk)) yield `${table}/${first + at}`;
  }

  /** Whatever tables name, each as often as they do. */
  *locations(): Generator<{ readonly table: string; readonly segment: number; readonly location: Location }> {
    for (const [table, first, chunk] of this.#chunks()) {
      for (let word = 0; word < chunk.length; word += 2) {
        const location = locationAt(chunk, word);
        if (location !== undefined) yield { table, segment: first + word / 2, location };
      }
    }
  }

  /** What lies on a device, as `table/segment`. */
  *placesOn(device: number): Generator<string> {
    for (const { table, segment, location } of this.locations())
      if (location.device === device) yield `${table}/${segment}`;
  }

  /** How many places all tables hold. */
  get places(): number {
    const places = new Set<string>();
    for (const { location } of this.locations()) places.add(locationName(location));
    return places.size;
  }

  /** With the first segment of each. */
  *#chunks(): Generator<[table: string, first: number, chunk: Uint32Array]> {
    for (const table of this.#tables) {
      for (const [at, number] of (this.#decoded(rootKey(table)) ?? []).entries()) {
        const chunk = number === 0 ? undefined : this.#decoded(chunkKey(number));
        if (chunk !== undefined) yield [table, at * CHUNK_ENTRIES, chunk];
      }
    }
  }

  #isShared(table: string, segment: number, { device, segment: place }: Location): boolean {
    for (const other of this.#tables) {
      const chunk = other === table ? undefined : this.#chunk(other, segment);
      const location = chunk && locationAt(chunk, wordOf(segment));
      if (location?.device === device && location.segment === place) return true;
    }
    return false;
  }

  /** It is on record that a sync of the device has failed. */
  isUnsynced(path: string): boolean {
    return [...this.#paths].some(([device, at]) => at === path && this.#entries.has(`unsynced/${device}`));
  }

  /** It is on record that the device is taken out by force. */
  isRemoved(path: string): boolean {
    return this.#removed.has(path);
  }

  path({ device }: Location): string {
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

const failingSegments = new WeakMap<Uint32Array, readonly number[]>();

function failingIn(chunk: Uint32Array): readonly number[] {
  const known = failingSegments.get(chunk);
  if (known !== undefined) return known;
  const found: number[] = [];
  for (let word = 0; word < chunk.length; word += 2)
    if ((chunk[word] as number) & EntryState.ERROR) found.push(word / 2);
  failingSegments.set(chunk, found);
  return found;
}

/** Devices that agents need not keep any longer: they were taken out by force. */
export function pathsLeft({ puts = [] }: Transaction): string[] {
  const devices = puts.filter(([key]) => key.startsWith("device/"));
  const records = devices.map(([, value]) => json<DeviceRecord>(value));
  return records.flatMap(({ path, removed, leaving }) => (removed === true && leaving === undefined ? [path] : []));
}

function json<T>(value: Uint8Array): T {
  return JSON.parse(Buffer.from(value).toString()) as T;
}
