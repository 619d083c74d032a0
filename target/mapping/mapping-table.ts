/**
 * An agent's copy of a mapping table (200): volatile, empty at first, filled by faults.
 *
 * Chunks of word pairs in typed arrays; a chunk that is absent is all Inv. No object per entry.
 */
import { crc32c } from "../wire/crc32c.ts";
import { CHUNK_ENTRIES, type Entry, EntryState, MAX_DEVICE_NUMBER, MAX_DEVICE_SEGMENT, SENSE_BITS } from "./entry.ts";
import type { EntryRun } from "./protocol.ts";

type ChunkMap = Map<number, Uint32Array>;

const STATES = (EntryState.ERROR | EntryState.INVALID | EntryState.ZERO | EntryState.NO_WRITE) >>> 0;

export class MappingTable {
  #segments: number;
  #chunks: ChunkMap = new Map();
  /** Chunks that `protect` has reached and no I/O has touched since: their entries get Nw before anybody sees them. */
  #unmarked: ChunkMap = new Map();
  readonly #generations = new Map<number, number>();
  /** Of `#chunks`, the one that was looked at last: an I/O looks at its entry several times, and often the next one too. */
  #latest: Uint32Array | undefined;
  #latestNumber = -1;

  constructor(segments: number) {
    this.#segments = segments;
  }

  get segments(): number {
    return this.#segments;
  }

  /** New segments are Inv, whatever was heard of them before there were any. */
  resize(segments: number): void {
    for (const [chunk, entries] of [...this.#chunks, ...this.#unmarked]) {
      const first = Math.max(this.#segments - chunk * CHUNK_ENTRIES, 0);
      for (let at = first * 2; at < entries.length; at += 2) {
        entries[at] = EntryState.INVALID;
        entries[at + 1] = 0;
      }
    }
    this.#segments = segments;
  }

  /** Word 0 of an entry: its states and device segment. */
  word0(segment: number): number {
    const chunk = this.#look(segment);
    return chunk === undefined ? EntryState.INVALID : (chunk[(segment & (CHUNK_ENTRIES - 1)) * 2] as number);
  }

  /** Word 1 of an entry: its device and the sense of E. */
  word1(segment: number): number {
    const chunk = this.#look(segment);
    return chunk === undefined ? 0 : (chunk[(segment & (CHUNK_ENTRIES - 1)) * 2 + 1] as number);
  }

  /** The newest generation applied to the chunk that holds the segment; 0 before any. */
  generation(segment: number): number {
    return this.#generations.get(Math.floor(segment / CHUNK_ENTRIES)) ?? 0;
  }

  /** `set_entry`: the runs one after another from `first`. @returns how many entries were set. */
  set(first: number, runs: readonly EntryRun[], generation: number): number {
    const [only] = runs;
    if (first === 0 && only?.states === EntryState.INVALID && only.count >= this.segments) {
      this.forget();
      return this.segments;
    }
    let segment = first;
    for (const run of runs) {
      const word1 = encodeWord1(run);
      for (let i = 0; i < run.count && segment < this.segments; i += 1, segment += 1) {
        const chunk = this.#chunk(segment);
        const at = (segment % CHUNK_ENTRIES) * 2;
        chunk[at] = (run.states | (run.segment === undefined ? 0 : run.segment + i)) >>> 0;
        chunk[at + 1] = word1;
        this.#learn(segment, generation);
      }
    }
    return segment - first;
  }

  /** All entries are unknown again. */
  forget(): void {
    this.#latestNumber = -1;
    this.#chunks.clear();
    this.#unmarked.clear();
    this.#generations.clear();
  }

  /**
   * `protect_table`: sets Nw (250) on every entry that has a location. Takes no time for each entry: a
   * chunk is marked when it is looked at next.
   */
  protect(): void {
    const [few, many] = [this.#chunks, this.#unmarked].sort((a, b) => a.size - b.size) as [ChunkMap, ChunkMap];
    for (const [number, chunk] of few) many.set(number, chunk);
    this.#unmarked = many;
    this.#chunks = new Map();
    this.#latestNumber = -1;
  }

  /** A chunk as the controller has it; changes only what is Inv here. */
  fill(chunk: number, entries: Uint32Array, generation: number): void {
    const ours = this.#chunk(chunk * CHUNK_ENTRIES);
    for (let at = 0; at < entries.length; at += 2) {
      if (((ours[at] as number) & EntryState.INVALID) === 0) continue;
      ours[at] = entries[at] as number;
      ours[at + 1] = entries[at + 1] as number;
    }
    this.#learn(chunk * CHUNK_ENTRIES, generation);
  }

  /** Chunks among these of which anything is known, each with the CRC32C of its entries. */
  digests(first: number, count: number): [chunk: number, digest: number][] {
    const known = [...this.#chunks.keys(), ...this.#unmarked.keys()];
    const asked = known.filter((chunk) => chunk >= first && chunk < first + count).sort((a, b) => a - b);
    return asked.map((chunk) => {
      const { buffer, byteOffset, byteLength } = this.#chunk(chunk * CHUNK_ENTRIES);
      return [chunk, crc32c([new Uint8Array(buffer, byteOffset, byteLength)])];
    });
  }

  /** Whether one of the segments `first` to `end` (exclusive) has Nw. */
  noWriteIn(first: number, end: number): boolean {
    for (let segment = first; segment < end; segment += 1) if (this.word0(segment) & EntryState.NO_WRITE) return true;
    return false;
  }

  entry(segment: number): Entry {
    return decodeEntry(this.word0(segment), this.word1(segment));
  }

  /** The chunk of an entry, marked; undefined: all Inv. */
  #look(segment: number): Uint32Array | undefined {
    const number = Math.floor(segment / CHUNK_ENTRIES);
    if (number === this.#latestNumber) return this.#latest;
    const chunk = this.#chunks.get(number) ?? this.#marked(segment);
    if (chunk !== undefined) {
      this.#latest = chunk;
      this.#latestNumber = number;
    }
    return chunk;
  }

  #learn(segment: number, generation: number): void {
    const chunk = Math.floor(segment / CHUNK_ENTRIES);
    if (generation > (this.#generations.get(chunk) ?? 0)) this.#generations.set(chunk, generation);
  }

  /** A chunk that `protect` has reached, marked now; undefined where there is none. */
  #marked(segment: number): Uint32Array | undefined {
    if (this.#unmarked.size === 0) return undefined;
    const number = Math.floor(segment / CHUNK_ENTRIES);
    const chunk = this.#unmarked.get(number);
    if (chunk === undefined) return undefined;
    this.#unmarked.delete(number);
    for (let at = 0; at < chunk.length; at += 2) {
      if (deviceOf(chunk[at + 1] as number) !== 0) chunk[at] = ((chunk[at] as number) | EntryState.NO_WRITE) >>> 0;
    }
    this.#chunks.set(number, chunk);
    return chunk;
  }

  #chunk(segment: number): Uint32Array {
    const number = Math.floor(segment / CHUNK_ENTRIES);
    let chunk = this.#chunks.get(number) ?? this.#marked(segment);
    if (chunk === undefined) {
      chunk = new Uint32Array(CHUNK_ENTRIES * 2);
      for (let at = 0; at < chunk.length; at += 2) chunk[at] = EntryState.INVALID;
      this.#chunks.set(number, chunk);
    }
    return chunk;
  }
}

/** The device of an entry; 0: none. */
export function deviceOf(word1: number): number {
  return word1 >>> 20;
}

/** The device segment of an entry. */
export function segmentOf(word0: number): number {
  return word0 & MAX_DEVICE_SEGMENT;
}

/** Of E (270). None at all, as where its device is gone: MEDIUM ERROR, UNRECOVERED READ ERROR (SPC-4 table F.2). */
export function senseOf(word1: number): { senseKey: number; asc: number; ascq: number } {
  if ((word1 & SENSE_BITS) === 0) return { senseKey: 0x3, asc: 0x11, ascq: 0x00 };
  return { senseKey: (word1 >>> 16) & 0xf, asc: (word1 >>> 8) & 0xff, ascq: word1 & 0xff };
}

export function statesOf(word0: number): number {
  return (word0 & STATES) >>> 0;
}

/** Whether an entry takes writes at its location: no state is set. */
export function isPlain(word0: number): boolean {
  return (word0 & STATES) === 0;
}

export function encodeWord1(run: Pick<EntryRun, "device" | "sense">): number {
  const [senseKey, asc, ascq] = run.sense ?? [0, 0, 0];
  const device = (run.device ?? 0) & MAX_DEVICE_NUMBER;
  return ((device << 20) | ((senseKey & 0xf) << 16) | (asc << 8) | ascq) >>> 0;
}

export function decodeEntry(word0: number, word1: number): Entry {
  const device = deviceOf(word1);
  return {
    ...(word0 & EntryState.ERROR ? { error: senseOf(word1) } : {}),
    ...(word0 & EntryState.INVALID ? { invalid: true } : {}),
    ...(word0 & EntryState.ZERO ? { zero: true } : {}),
    ...(word0 & EntryState.NO_WRITE ? { noWrite: true } : {}),
    ...(device === 0 ? {} : { location: { device, segment: segmentOf(word0) } }),
  };
}
