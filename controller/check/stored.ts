/**
 * What a store holds, as it was at one instant, and as a repair would have it: what finds a problem
 * mends it here at once, so that nothing is reported twice. `transactions` is what has to be written.
 */
import { CHUNK_ENTRIES, EntryState } from "node-iscsi-target/mapping/entry.ts";
import { LOST } from "../families/senses.ts";
import { AllRecords, type LabRecord } from "../records.ts";
import type { Put, Records } from "../store/records.ts";
import { isLeaseKey, type StoreView, type Transaction } from "../store/store.ts";
import { bytes, chunkKey, rootKey, usedKey } from "../tables/layout.ts";
import { Chunks, isChunkKey, wholeWords } from "./chunks.ts";
import type { Kind } from "./record-shapes.ts";
import { type Mended, parsedRecord } from "./shapes.ts";

const ROOT = rootKey("");
const USED = /^used\/[0-9a-f]{3}\/[0-9a-f]{5}$/;
/** Bytes of values in a transaction of a repair. */
const TRANSACTION_BYTES = 1024 * 1024;
/** E (270) with the sense of what a repair gave up. */
const LOST_SENSE = (LOST.senseKey << 16) | (LOST.asc << 8) | LOST.ascq;

type Of = readonly [kind: Kind, records: Records<object>];

export class Stored {
  readonly records = new AllRecords();
  readonly roots = new Map<string, Uint32Array>();
  readonly chunks: Chunks;
  /** Pages of the map of used segments, by key. */
  readonly used = new Map<string, Uint8Array>();
  /** Records that are none, with their kinds. */
  readonly unreadable: (readonly [key: string, kind: Kind])[] = [];
  /** Fields of records that said what cannot be. */
  readonly mended: (readonly [key: string, mended: Mended])[] = [];
  /** Keys that nobody knows. */
  readonly unknown: string[] = [];
  /** Tables whose root ends within a number. */
  readonly tornRoots = new Set<string>();
  readonly #changes = new Map<string, Uint8Array | undefined>();

  private constructor(chunks: Chunks) {
    this.chunks = chunks;
  }

  static async of(view: StoreView): Promise<Stored> {
    const keys = await view.keys("");
    const stored = new Stored(new Chunks(view, keys.filter(isChunkKey)));
    const kinds = Object.entries(stored.records) as [Kind, Records<object>][];
    const prefixes = kinds.map(([, records]) => records.key(""));
    for (const [at, prefix] of prefixes.entries()) {
      for (const [key, value] of await view.range(prefix)) stored.#readRecord(key, value, ...(kinds[at] as Of));
    }
    for (const [key, value] of await view.range(ROOT)) stored.#readRoot(key.slice(ROOT.length), value);
    for (const [key, value] of await view.range("used/")) if (USED.test(key)) stored.used.set(key, value);
    const isKnown = (key: string) =>
      isChunkKey(key) ||
      isLeaseKey(key) ||
      USED.test(key) ||
      [ROOT, ...prefixes].some((prefix) => key.startsWith(prefix));
    stored.unknown.push(...keys.filter((key) => !isKnown(key)));
    return stored;
  }

  get lab(): LabRecord | undefined {
    return this.records.lab.get("lab");
  }

  save<T extends object>(records: Records<T>, name: string, record: T): void {
    this.put(records.put(name, record));
    records.learn(name, record);
  }
  drop<T extends object>(records: Records<T>, name: string): void {
    this.delete(records.key(name));
    records.learn(name, undefined);
  }
  put([key, value]: Put): void {
    this.#changes.set(key, value);
  }
  delete(key: string): void {
    this.#changes.set(key, undefined);
  }

  /** Whether a repair has put something there. */
  isMade(key: string): boolean {
    return this.#changes.get(key) !== undefined;
  }

  /** A number that nothing has. */
  nextNumber(): number {
    const lab = this.lab as LabRecord;
    this.save(this.records.lab, "lab", { ...lab, nextNumber: lab.nextNumber + 1 });
    return lab.nextNumber + 1;
  }

  setRoot(table: string, root: Uint32Array): void {
    this.roots.set(table, root);
    this.put([rootKey(table), bytes(root)]);
  }
  dropRoot(table: string): void {
    this.roots.delete(table);
    this.delete(rootKey(table));
  }

  /** The entries of a chunk have been changed to these. */
  setChunk(number: number, entries: Uint32Array): void {
    this.chunks.set(number, entries);
    this.put([chunkKey(number), bytes(entries)]);
  }
  /** A chunk of entries of which nothing is known any more. */
  addLostChunk(): number {
    const number = this.nextNumber();
    const entries = new Uint32Array(CHUNK_ENTRIES * 2);
    for (let at = 0; at < entries.length; at += 2) lose(entries, at);
    this.setChunk(number, entries);
    return number;
  }
  dropChunk(number: number): void {
    this.chunks.delete(number);
    this.delete(chunkKey(number));
  }

  setUsed(device: number, page: number, value: Uint8Array): void {
    this.put([usedKey(device, page), value]);
  }

  /** What has to be written, in bounded transactions. */
  *transactions(): Generator<Transaction> {
    let puts: Put[] = [];
    let deletes: string[] = [];
    let size = 0;
    for (const [key, value] of this.#changes) {
      if (value === undefined) deletes.push(key);
      else puts.push([key, value]);
      size += key.length + (value?.length ?? 0);
      if (size < TRANSACTION_BYTES) continue;
      yield { puts, deletes };
      [puts, deletes, size] = [[], [], 0];
    }
    if (puts.length + deletes.length > 0) yield { puts, deletes };
  }

  #readRecord(key: string, value: Uint8Array, kind: Kind, records: Records<object>): void {
    const name = key.slice(records.key("").length);
    const parsed = parsedRecord(kind, name, value);
    if (parsed === undefined) {
      this.unreadable.push([key, kind]);
      return;
    }
    if (parsed.mended.length === 0) records.learn(name, parsed.record);
    else this.save(records, name, parsed.record);
    this.mended.push(...parsed.mended.map((mended) => [key, mended] as const));
  }

  #readRoot(table: string, value: Uint8Array): void {
    if (value.length % 4 !== 0) this.tornRoots.add(table);
    this.roots.set(table, wholeWords(value, value.length - (value.length % 4)));
  }
}

/** The entry at a word fails from now on, and where it lay is given up; or kept, under the error. */
export function lose(entries: Uint32Array, at: number, keepsPlace = false): void {
  if (keepsPlace) {
    entries[at] = (((entries[at] as number) & 0x0fff_ffff) | EntryState.ERROR) >>> 0;
    entries[at + 1] = (((entries[at + 1] as number) & 0xfff0_0000) | LOST_SENSE) >>> 0;
  } else {
    entries[at] = (EntryState.ERROR | EntryState.ZERO) >>> 0;
    entries[at + 1] = LOST_SENSE;
  }
}
