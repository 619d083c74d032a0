/** Which segments of a pool's devices are free. In memory; the records of used segments are the truth it is built from. */
export interface Location {
  readonly device: number;
  readonly segment: number;
}

interface Space {
  readonly pool: string;
  readonly used: Uint8Array;
  free: number;
  next: number;
}

export class Allocator {
  readonly #devices = new Map<number, Space>();

  /** Segment 0 holds the label and is never given out. */
  addDevice(device: number, pool: string, segments: number): void {
    const used = new Uint8Array(segments);
    used[0] = 1;
    this.#devices.set(device, { pool, used, free: segments - 1, next: 1 });
  }

  removeDevice(device: number): void {
    this.#devices.delete(device);
  }

  markUsed({ device, segment }: Location): void {
    const space = this.#devices.get(device);
    if (space === undefined || space.used[segment] === 1) return;
    space.used[segment] = 1;
    space.free -= 1;
  }

  free({ device, segment }: Location): void {
    const space = this.#devices.get(device);
    if (space === undefined || space.used[segment] === 0) return;
    space.used[segment] = 0;
    space.free += 1;
  }

  usedOn(device: number): number {
    const space = this.#devices.get(device);
    return space === undefined ? 0 : space.used.length - 1 - space.free;
  }

  freeIn(pool: string): number {
    return [...this.#devices.values()].filter((space) => space.pool === pool).reduce((sum, { free }) => sum + free, 0);
  }

  /** The next free segment of the device that has most; undefined where the pool is full. Taken at once; give it back by `free`. */
  take(pool: string): Location | undefined {
    let best: [number, Space] | undefined;
    for (const entry of this.#devices) {
      if (entry[1].pool === pool && entry[1].free > (best?.[1].free ?? 0)) best = entry;
    }
    if (best === undefined) return undefined;
    const [device, space] = best;
    while (space.used[space.next] !== 0) space.next = space.next + 1 >= space.used.length ? 1 : space.next + 1;
    const location = { device, segment: space.next };
    this.markUsed(location);
    return location;
  }
}
