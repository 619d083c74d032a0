/** A file of which only what was synced is sure to survive: pages as they are now, and as they are on the medium. */
import type { Chance } from "../../simulation/engine/chance.ts";

const PAGE = 4096;
/** What a medium writes whole. */
const SECTOR = 512;
const ZEROS = Buffer.alloc(PAGE);

/** What became of pages that were not synced. */
export interface Losses {
  lost: number;
  kept: number;
  torn: number;
}

export class VolatileFile {
  size = 0;
  #durableSize = 0;
  /** A page is replaced, never changed: both maps may have the same one. An absent page is zeros. */
  #pages = new Map<number, Buffer>();
  #durable = new Map<number, Buffer>();
  readonly #dirty = new Set<number>();

  read(offset: number, length: number): Buffer {
    const end = Math.min(offset + length, this.size);
    const parts: Buffer[] = [];
    for (let at = offset; at < end; ) {
      const from = at % PAGE;
      const count = Math.min(PAGE - from, end - at);
      parts.push((this.#pages.get(Math.floor(at / PAGE)) ?? ZEROS).subarray(from, from + count));
      at += count;
    }
    return Buffer.concat(parts);
  }

  write(offset: number, data: Buffer): void {
    for (let done = 0; done < data.length; ) {
      const [number, from] = [Math.floor((offset + done) / PAGE), (offset + done) % PAGE];
      const count = Math.min(PAGE - from, data.length - done);
      const page = Buffer.from(this.#pages.get(number) ?? ZEROS);
      data.copy(page, from, done, done + count);
      this.#set(number, page);
      done += count;
    }
    this.size = Math.max(this.size, offset + data.length);
  }

  punch(offset: number, length: number): void {
    for (let at = offset; at < Math.min(offset + length, this.size); ) {
      const count = Math.min(PAGE - (at % PAGE), offset + length - at, this.size - at);
      this.write(at, ZEROS.subarray(0, count));
      at += count;
    }
  }

  /** What lies beyond a new end is gone. */
  truncate(size: number): void {
    for (const number of [...this.#pages.keys()]) {
      if (number * PAGE >= size) this.#set(number, undefined);
      else if ((number + 1) * PAGE > size) {
        const page = Buffer.alloc(PAGE);
        this.#pages.get(number)?.copy(page, 0, 0, size - number * PAGE);
        this.#set(number, page);
      }
    }
    this.size = size;
  }

  sync(): void {
    for (const number of this.#dirty) put(this.#durable, number, this.#pages.get(number));
    this.#dirty.clear();
    this.#durableSize = this.size;
  }

  /** Power is lost: of each page that was not synced the medium has the old contents, the new ones, or sectors of both. */
  cut(chance: Chance, losses: Losses): void {
    // A cut that loses all, or nothing, shows other things than one that loses some.
    const percent = chance.pick([0, 20, 50, 80, 100]);
    for (const number of this.#dirty) put(this.#durable, number, this.#survivor(number, percent, chance, losses));
    if (chance.below(100) < percent) this.#durableSize = this.size;
    for (const number of [...this.#durable.keys()])
      if (number * PAGE >= this.#durableSize) this.#durable.delete(number);
    this.#dirty.clear();
    this.size = this.#durableSize;
    this.#pages = new Map(this.#durable);
  }

  #survivor(number: number, percent: number, chance: Chance, losses: Losses): Buffer | undefined {
    const [before, now] = [this.#durable.get(number), this.#pages.get(number)];
    if (chance.below(100) >= percent) {
      losses.lost += 1;
      return before;
    }
    if (chance.below(4) > 0) {
      losses.kept += 1;
      return now;
    }
    losses.torn += 1;
    const page = Buffer.from(before ?? ZEROS);
    for (let at = 0; at < PAGE; at += SECTOR) if (chance.below(2) === 0) (now ?? ZEROS).copy(page, at, at, at + SECTOR);
    return page;
  }

  #set(number: number, page: Buffer | undefined): void {
    put(this.#pages, number, page);
    this.#dirty.add(number);
  }
}

function put(pages: Map<number, Buffer>, number: number, page: Buffer | undefined): void {
  if (page === undefined) pages.delete(number);
  else pages.set(number, page);
}
