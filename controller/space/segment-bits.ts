/** A bit for each segment of a device; little-endian within words, as its pages are in the store. */
export class SegmentBits {
  readonly segments: number;
  readonly #words: Uint32Array;
  count = 0;

  constructor(segments: number) {
    this.segments = segments;
    this.#words = new Uint32Array(Math.ceil(segments / 32));
  }

  has(segment: number): boolean {
    return ((this.#words[segment >>> 5] as number) & (1 << (segment & 31))) !== 0;
  }

  set(segment: number): void {
    if (this.has(segment)) return;
    this.#words[segment >>> 5] = (this.#words[segment >>> 5] as number) | (1 << (segment & 31));
    this.count += 1;
  }

  clear(segment: number): void {
    if (!this.has(segment)) return;
    this.#words[segment >>> 5] = (this.#words[segment >>> 5] as number) & ~(1 << (segment & 31));
    this.count -= 1;
  }

  /** The first that is not set, from here on and round again; undefined where all are. */
  nextClear(from: number): number | undefined {
    if (this.count >= this.segments) return undefined;
    for (let segment = from; ; segment = segment + 1 >= this.segments ? 0 : segment + 1) {
      if (!this.has(segment)) return segment;
      // Whole words that are full are passed at once.
      while ((segment & 31) === 0 && this.#words[segment >>> 5] === 0xffff_ffff && segment + 32 < this.segments)
        segment += 32;
      if (!this.has(segment)) return segment;
    }
  }

  *all(): Generator<number> {
    for (let segment = 0; segment < this.segments; segment += 1) if (this.has(segment)) yield segment;
  }

  /** Some bytes of it, `bytes` long unless the device ends before. */
  page(page: number, bytes: number): Uint8Array {
    const first = (page * bytes) / 4;
    const words = this.#words.subarray(first, first + bytes / 4);
    return new Uint8Array(words.buffer.slice(words.byteOffset, words.byteOffset + words.byteLength));
  }

  load(page: number, bytes: number, value: Uint8Array): void {
    const first = (page * bytes) / 4;
    const words = new Uint32Array(value.slice().buffer).subarray(0, this.#words.length - first);
    for (const [at, word] of words.entries()) this.count += ones(word) - ones(this.#words[first + at] as number);
    this.#words.set(words, first);
  }
}

function ones(word: number): number {
  let bits = word - ((word >>> 1) & 0x5555_5555);
  bits = (bits & 0x3333_3333) + ((bits >>> 2) & 0x3333_3333);
  return (((bits + (bits >>> 4)) & 0x0f0f_0f0f) * 0x0101_0101) >>> 24;
}
