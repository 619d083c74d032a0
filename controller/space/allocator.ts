/** Which segments of a pool's devices are free now. In memory: what is durably used (`used-map.ts`), and what operations have taken. */
import type { Location } from "../tables/layout.ts";
import { SegmentBits } from "./segment-bits.ts";

export type { Location };

interface Space {
  readonly pool: string;
  readonly used: SegmentBits;
  next: number;
  /** Nothing more is taken from it: it is being emptied. */
  closed: boolean;
  /** Nor from this one: a sync of it has failed. */
  distrusted: boolean;
}

export class Allocator {
  readonly #devices = new Map<number, Space>();

  /** Segment 0 holds the label and is never given out. */
  addDevice(device: number, pool: string, segments: number, used = new SegmentBits(segments)): void {
    used.set(0);
    this.#devices.set(device, { pool, used, next: 1, closed: false, distrusted: false });
  }

  removeDevice(device: number): void {
    this.#devices.delete(device);
  }

  close(device: number, closed = true): void {
    const space = this.#devices.get(device);
    if (space !== undefined) space.closed = closed;
  }

  distrust(device: number, distrusted: boolean): void {
    const space = this.#devices.get(device);
    if (space !== undefined) space.distrusted = distrusted;
  }

  isClosed(device: number): boolean {
    const space = this.#devices.get(device);
    return space === undefined || space.closed || space.distrusted;
  }

  free({ device, segment }: Location): void {
    this.#devices.get(device)?.used.clear(segment);
  }

  usedOn(device: number): number {
    const space = this.#devices.get(device);
    return space === undefined ? 0 : space.used.count - 1;
  }

  freeIn(pool: string): number {
    let sum = 0;
    for (const space of this.#devices.values()) if (space.pool === pool) sum += freeOf(space);
    return sum;
  }

  /** The next free segment of the device that has most; undefined where the pool is full. Taken at once; give it back by `free`. */
  take(pool: string, only?: number): Location | undefined {
    let best: [number, Space] | undefined;
    let most = 0;
    for (const entry of this.#devices) {
      if (entry[1].pool !== pool || (only !== undefined && entry[0] !== only) || freeOf(entry[1]) <= most) continue;
      best = entry;
      most = freeOf(entry[1]);
    }
    if (best === undefined) return undefined;
    const [device, space] = best;
    const segment = space.used.nextClear(space.next) as number;
    space.used.set(segment);
    space.next = segment + 1 >= space.used.segments ? 1 : segment + 1;
    return { device, segment };
  }
}

function freeOf({ used, closed, distrusted }: Space): number {
  return closed || distrusted ? 0 : used.segments - used.count;
}
