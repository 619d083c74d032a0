/**
 * Which segments of each device are used, durably: a bit each, in pages, so that a controller starts
 * without reading its tables. Used is what tables name, what is reserved, and what is being released.
 */

import type { Change } from "../store/commits.ts";
import type { Store } from "../store/store.ts";
import { type Location, usedKey } from "../tables/layout.ts";
import { SegmentBits } from "./segment-bits.ts";

/** 32768 segments to a page. */
export const USED_PAGE_BYTES = 4096;
const PAGE_SEGMENTS = USED_PAGE_BYTES * 8;

/** The key of the page that has the bit of a segment. */
export function usedPageOf({ device, segment }: Location): string {
  return usedKey(device, Math.floor(segment / PAGE_SEGMENTS));
}

export class UsedMap {
  readonly #devices = new Map<number, SegmentBits>();

  async load(store: Store, device: number, segments: number): Promise<SegmentBits> {
    const bits = new SegmentBits(segments);
    const inMemory = new SegmentBits(segments);
    for (let page = 0; page * PAGE_SEGMENTS < segments; page += 1) {
      const value = await store.get(usedKey(device, page));
      if (value === undefined) continue;
      bits.load(page, USED_PAGE_BYTES, value);
      inMemory.load(page, USED_PAGE_BYTES, value);
    }
    this.#devices.set(device, bits);
    return inMemory;
  }

  add(device: number, segments: number): void {
    this.#devices.set(device, new SegmentBits(segments));
  }

  /** Of the pages that a device may have. */
  keys(device: number): string[] {
    const segments = this.#devices.get(device)?.segments ?? 0;
    return Array.from({ length: Math.ceil(segments / PAGE_SEGMENTS) }, (_, page) => usedKey(device, page));
  }

  /** A device with all its pages goes. */
  remove(change: Change, device: number): void {
    for (const key of this.keys(device)) change.delete(key);
    change.learn(() => void this.#devices.delete(device));
  }

  /** Sets or clears bits in a transaction; they are as before where that fails. */
  mark(change: Change, locations: Iterable<Location>, used: boolean): void {
    const pages = new Map<string, readonly [device: number, page: number]>();
    for (const { device, segment } of locations) {
      const bits = this.#devices.get(device);
      if (bits === undefined || bits.has(segment) === used) continue;
      flip(bits, segment, used);
      change.orElse(() => flip(bits, segment, !used));
      const page = Math.floor(segment / PAGE_SEGMENTS);
      pages.set(usedKey(device, page), [device, page]);
    }
    for (const [key, [device, page]] of pages) {
      change.put([key, (this.#devices.get(device) as SegmentBits).page(page, USED_PAGE_BYTES)]);
    }
  }
}

function flip(bits: SegmentBits, segment: number, used: boolean): void {
  if (used) bits.set(segment);
  else bits.clear(segment);
}
