/**
 * The tables of a family as one operation sees and changes them: chunks are loaded by `load`, changed
 * in memory, and go into one transaction by `into`. A chunk that several tables share is changed for
 * one of them by giving that one a chunk of its own, and for all of them in place.
 */
import { CHUNK_ENTRIES, EntryState, MAX_DEVICE_SEGMENT, SENSE_BITS } from "node-iscsi-target/mapping/entry.ts";
import { encodeWord1 } from "node-iscsi-target/mapping/mapping-table.ts";
import type { Family } from "../families/family.ts";
import type { AllRecords, UsageRecord } from "../records.ts";
import type { Change } from "../store/commits.ts";
import {
  ALL_ZERO,
  bytes,
  chunkKey,
  chunkOf,
  type Location,
  locationAt,
  rootKey,
  sameLocation,
  wordOf,
} from "./layout.ts";
import type { Tables } from "./tables.ts";

export interface EditContext {
  readonly tables: Tables;
  readonly records: AllRecords;
  readonly nextNumber: () => number;
  /** The lab's record with its counter of numbers, into a transaction that used one. */
  readonly numbers: (change: Change) => void;
}

export type Words = readonly [word0: number, word1: number];

export class Edit {
  readonly #o: EditContext;
  readonly #family: Family;
  /** Chunk number by table, for each chunk that was loaded. */
  readonly #numbers = new Map<number, Map<string, number>>();
  readonly #entries = new Map<number, Uint32Array>();
  readonly #written = new Set<number>();
  readonly #dropped = new Set<number>();
  readonly #moved = new Map<string, Map<number, number>>();
  readonly #usage = new Map<string, { mapped: number; own: number }>();
  readonly #touched = new Map<string, readonly [table: string, chunk: number]>();
  #usesNumbers = false;

  constructor(context: EditContext, family: Family) {
    this.#o = context;
    this.#family = family;
  }

  /** Makes a chunk of all tables of the family known here. */
  async load(chunk: number): Promise<void> {
    if (this.#numbers.has(chunk)) return;
    const numbers = new Map<string, number>();
    for (const table of this.#family.tables) numbers.set(table, (await this.#o.tables.root(table))[chunk] ?? 0);
    for (const number of new Set(numbers.values())) this.#entries.set(number, await this.#o.tables.chunk(number));
    this.#numbers.set(chunk, numbers);
  }
  async loadSegments(first: number, count: number): Promise<void> {
    for (let chunk = chunkOf(first); chunk <= chunkOf(first + count - 1); chunk += 1) await this.load(chunk);
  }

  entry(table: string, segment: number): Words {
    const entries = this.#entriesOf(table, chunkOf(segment));
    const at = wordOf(segment);
    return [entries[at] as number, entries[at + 1] as number];
  }

  location(table: string, segment: number): Location | undefined {
    return locationAt(this.#entriesOf(table, chunkOf(segment)), wordOf(segment));
  }

  /** The other tables that hold what this one holds at a segment. */
  sharers(table: string, segment: number): string[] {
    const numbers = this.#numbersOf(chunkOf(segment));
    const own = numbers.get(table) ?? 0;
    const [entries, at] = [this.#chunk(own), wordOf(segment)];
    if (locationAt(entries, at) === undefined) return [];
    const others: string[] = [];
    for (const [other, number] of numbers) {
      if (other !== table && (number === own || sameLocation(entries, this.#chunk(number), at))) others.push(other);
    }
    return others;
  }

  /** The numbers of the chunks in which others hold what this table holds at a segment. */
  sharedChunks(table: string, segment: number): number[] {
    const numbers = this.#numbersOf(chunkOf(segment));
    return [...new Set(this.sharers(table, segment).map((other) => numbers.get(other) as number))];
  }

  /** A chunk as agents are to have it: Nw (250) wherever another table holds the same location. */
  wire(table: string, chunk: number): Uint32Array {
    const numbers = this.#numbersOf(chunk);
    const own = numbers.get(table) ?? 0;
    const entries = this.#chunk(own).slice();
    for (const [other, number] of numbers) {
      if (other === table || number === 0) continue;
      const theirs = this.#chunk(number);
      for (let at = 0; at < entries.length; at += 2) {
        if (sameLocation(entries, theirs, at)) entries[at] = ((entries[at] as number) | EntryState.NO_WRITE) >>> 0;
      }
      if (number === own) break;
    }
    return entries;
  }

  wireEntry(table: string, segment: number): Words {
    const [word0, word1] = this.entry(table, segment);
    const noWrite = this.sharers(table, segment).length > 0 ? EntryState.NO_WRITE : 0;
    return [(word0 | noWrite) >>> 0, word1];
  }

  /** The entry of one table alone. */
  set(table: string, segment: number, [word0, word1]: Words): void {
    const entries = this.#own(table, chunkOf(segment));
    entries[wordOf(segment)] = word0 >>> 0;
    entries[wordOf(segment) + 1] = word1 >>> 0;
    this.#touch(table, chunkOf(segment));
  }

  /** A first write: what was zero lies here now. */
  map(table: string, segment: number, { device, segment: at }: Location): void {
    this.set(table, segment, [at, encodeWord1({ device })]);
    this.count(table, 1, 1);
  }

  /** Back to zero. @returns where it lay, if nobody else holds that. */
  unmap(table: string, segment: number): Location | undefined {
    const location = this.location(table, segment);
    // E (270) keeps what it covers.
    if (location === undefined || (this.entry(table, segment)[0] & EntryState.ERROR) !== 0) return undefined;
    const others = this.sharers(table, segment);
    this.set(table, segment, [EntryState.ZERO, 0]);
    return this.#leave(table, location, others);
  }

  /** Its device is gone for good: what E (270) covers there is zeros. @returns where it lay, if nobody else holds that. */
  lose(table: string, segment: number): Location | undefined {
    const location = this.location(table, segment);
    if (location === undefined) return undefined;
    const others = this.sharers(table, segment);
    const sense = this.entry(table, segment)[1] & SENSE_BITS;
    this.set(table, segment, [(EntryState.ERROR | EntryState.ZERO) >>> 0, sense]);
    return this.#leave(table, location, others);
  }

  /** Step 550: every holder but this one has the copy instead. The states of their entries stay. */
  moveOthers(table: string, segment: number, to: Location): void {
    const others = this.sharers(table, segment);
    const chunk = chunkOf(segment);
    const numbers = this.#numbersOf(chunk);
    if (others.some((other) => numbers.get(other) === numbers.get(table))) this.#own(table, chunk);
    this.#relocate(others, segment, to);
    this.#touch(table, chunk);
    this.count(table, 0, 1);
    if (others.length === 1) this.count(others[0] as string, 0, 1);
  }

  /** The entries of a chunk as any table has them, each with one of the tables that have them so. Not to be written to. */
  contents(chunk: number): { readonly table: string; readonly entries: Uint32Array }[] {
    const tables = new Map([...this.#numbersOf(chunk)].map(([table, number]) => [number, table]));
    return [...tables].flatMap(([number, table]) => (number === 0 ? [] : [{ table, entries: this.#chunk(number) }]));
  }

  /** Migration: every holder has the new place. */
  moveAll(table: string, segment: number, to: Location): void {
    this.#relocate([table, ...this.sharers(table, segment)], segment, to);
  }

  /** A table gives back a chunk of its entries. @returns the locations that nobody holds any more. */
  removeChunk(table: string, chunk: number): Location[] {
    const numbers = this.#numbersOf(chunk);
    const number = numbers.get(table) ?? 0;
    if (number === 0) return [];
    const freed: Location[] = [];
    for (let at = 0; at < CHUNK_ENTRIES; at += 1) {
      const segment = chunk * CHUNK_ENTRIES + at;
      const location = this.location(table, segment);
      const left = location && this.#leave(table, location, this.sharers(table, segment));
      if (left !== undefined) freed.push(left);
    }
    numbers.set(table, 0);
    this.#move(table, chunk, 0);
    if (![...numbers.values()].includes(number)) this.#dropped.add(number);
    this.#touch(table, chunk);
    return freed;
  }

  count(table: string, mapped: number, own: number): void {
    const sum = this.#usage.get(table) ?? { mapped: 0, own: 0 };
    this.#usage.set(table, { mapped: sum.mapped + mapped, own: sum.own + own });
  }

  /** Puts all of it into a transaction; the roots that change have been loaded with their chunks. */
  into(change: Change, roots: ReadonlyMap<string, Uint32Array>): void {
    const { tables, records } = this.#o;
    for (const number of this.#written) {
      if (this.#dropped.has(number)) continue;
      const entries = this.#chunk(number);
      change.put([chunkKey(number), bytes(entries)]).learn(() => tables.keepChunk(number, entries));
    }
    for (const number of this.#dropped) change.delete(chunkKey(number)).learn(() => tables.dropChunk(number));
    for (const [table, chunks] of this.#moved) {
      const root = grown(roots.get(table) as Uint32Array, chunks);
      change.put([rootKey(table), bytes(root)]).learn(() => tables.keepRoot(table, root));
    }
    for (const [table, { mapped, own }] of this.#usage) {
      if (mapped === 0 && own === 0) continue;
      const before = records.usage.get(table) ?? { table, mapped: 0, own: 0 };
      const usage: UsageRecord = { table, mapped: before.mapped + mapped, own: before.own + own };
      change.put(records.usage.put(table, usage)).learn(() => records.usage.learn(table, usage));
    }
    if (this.#usesNumbers) this.#o.numbers(change);
    change.learn(() => tables.changed(this.#touched.values()));
  }

  /** Of the tables whose roots change. */
  async roots(): Promise<Map<string, Uint32Array>> {
    const roots = new Map<string, Uint32Array>();
    for (const table of this.#moved.keys()) roots.set(table, await this.#o.tables.root(table));
    return roots;
  }

  /** The last but one to leave a location makes it the other's own. */
  #leave(table: string, location: Location, others: readonly string[]): Location | undefined {
    this.count(table, -1, others.length === 0 ? -1 : 0);
    if (others.length === 1) this.count(others[0] as string, 0, 1);
    return others.length === 0 ? location : undefined;
  }

  #relocate(holders: readonly string[], segment: number, { device, segment: place }: Location): void {
    const chunk = chunkOf(segment);
    const at = wordOf(segment);
    for (const number of new Set(holders.map((holder) => this.#numbersOf(chunk).get(holder) as number))) {
      const entries = this.#writable(number);
      entries[at] = (((entries[at] as number) & ~MAX_DEVICE_SEGMENT) | place) >>> 0;
      entries[at + 1] = (((entries[at + 1] as number) & 0xf_ffff) | encodeWord1({ device })) >>> 0;
    }
    for (const holder of holders) this.#touch(holder, chunk);
  }

  /** The entries of a chunk that is this table's alone from now on. */
  #own(table: string, chunk: number): Uint32Array {
    const numbers = this.#numbersOf(chunk);
    const number = numbers.get(table) ?? 0;
    const shared = number === 0 || [...numbers].some(([other, theirs]) => other !== table && theirs === number);
    if (!shared) return this.#writable(number);
    const fresh = this.#o.nextNumber();
    this.#usesNumbers = true;
    this.#entries.set(fresh, this.#chunk(number).slice());
    this.#written.add(fresh);
    numbers.set(table, fresh);
    this.#move(table, chunk, fresh);
    return this.#chunk(fresh);
  }

  #writable(number: number): Uint32Array {
    if (!this.#written.has(number)) this.#entries.set(number, this.#chunk(number).slice());
    this.#written.add(number);
    return this.#chunk(number);
  }

  #move(table: string, chunk: number, number: number): void {
    const chunks = this.#moved.get(table) ?? new Map<number, number>();
    this.#moved.set(table, chunks.set(chunk, number));
  }

  #touch(table: string, chunk: number): void {
    this.#touched.set(`${table}/${chunk}`, [table, chunk]);
  }

  #numbersOf(chunk: number): Map<string, number> {
    return this.#numbers.get(chunk) as Map<string, number>;
  }
  #chunk(number: number): Uint32Array {
    return number === 0 ? ALL_ZERO : (this.#entries.get(number) as Uint32Array);
  }
  #entriesOf(table: string, chunk: number): Uint32Array {
    return this.#chunk(this.#numbersOf(chunk).get(table) ?? 0);
  }
}

function grown(root: Uint32Array, chunks: ReadonlyMap<number, number>): Uint32Array {
  const result = new Uint32Array(Math.max(root.length, ...[...chunks.keys()].map((chunk) => chunk + 1)));
  result.set(root);
  for (const [chunk, number] of chunks) result[chunk] = number;
  return result;
}
