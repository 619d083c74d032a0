/** Space of pools: taken, filled, named by tables, and given back, each step durable before the next relies on it. */
import type { Medium } from "../devices/medium.ts";
import type { AllRecords, ReleaseRecord } from "../records.ts";
import type { Change, Commits } from "../store/commits.ts";
import { type Location, runsOf } from "../tables/layout.ts";
import type { Allocator } from "./allocator.ts";
import { Releases } from "./releases.ts";
import { leftReserves, Reserve } from "./reserve.ts";
import type { UsedMap } from "./used-map.ts";

export interface SpaceOptions {
  readonly records: AllRecords;
  readonly commits: Commits;
  readonly allocator: Allocator;
  readonly used: UsedMap;
  readonly media: ReadonlyMap<number, Medium>;
  readonly nextNumber: () => number;
  readonly numbers: (change: Change) => void;
  readonly log: (line: string) => void;
  /** A sync of a device has failed. */
  readonly onUnsynced: (device: number, medium: Medium) => Promise<void>;
}

/** A device of the pool takes no writes. */
export class Unwritable extends Error {}

export class Space {
  readonly reserve: Reserve;
  readonly releases: Releases;
  readonly #o: SpaceOptions;

  constructor(options: SpaceOptions) {
    this.#o = options;
    this.reserve = new Reserve(options);
    this.releases = new Releases(options);
  }

  freeIn(pool: string): number {
    return this.reserve.freeIn(pool);
  }
  /** What tables hold, or what is on its way back. */
  usedOn(device: number): number {
    return this.#o.allocator.usedOn(device) - this.reserve.idleOn(device);
  }

  /** So many free segments, durably zero; undefined where the pool has fewer. @throws Unwritable where they cannot be made zero: they are as they were */
  async takeZeroed(pool: string, count: number): Promise<Location[] | undefined> {
    const locations = await this.reserve.take(pool, count);
    // An image of ours is zero where it was never used, and punched where it was.
    const foreign = (locations ?? []).filter(({ device }) => !this.#o.records.devices.get(String(device))?.created);
    try {
      if (foreign.length > 0) await this.releases.punch({ runs: runsOf(foreign) });
    } catch (error) {
      // Whoever takes them next punches them again.
      await this.#setAside(pool, locations ?? []);
      throw new Unwritable(messageOf(error), { cause: error });
    }
    return locations;
  }

  /** What was taken is not needed, and may hold part of a copy. */
  async giveBack(pool: string, locations: readonly Location[]): Promise<void> {
    const isOpen = ({ device }: Location) => !this.#o.allocator.isClosed(device);
    const open = locations.filter(isOpen);
    try {
      if (open.length > 0) await this.releases.punch({ runs: runsOf(open) });
    } catch (error) {
      // What was done for others goes on, and they are on their way back until the device takes writes again.
      this.#o.log(`segments could not be given back yet: ${messageOf(error)}`);
      return this.#release(pool, locations);
    }
    await this.#setAside(pool, locations);
  }

  /** Zero, or punched by whoever takes them. */
  async #setAside(pool: string, locations: readonly Location[]): Promise<void> {
    const isOpen = ({ device }: Location) => !this.#o.allocator.isClosed(device);
    this.reserve.giveBack(pool, locations.filter(isOpen));
    await this.#release(
      pool,
      locations.filter((location) => !isOpen(location)),
    );
  }

  /** On a device that is closed meanwhile nothing is set aside. */
  async #release(pool: string, locations: readonly Location[]): Promise<void> {
    if (locations.length === 0) return;
    const release = await this.#o.commits.run((change) => {
      this.reserve.forget(change, pool, locations);
      return this.releases.begin(change, locations);
    });
    await this.releases.finish(release);
  }

  /** Takes all that is free in a pool, as a disk that fills it would; the result gives it back. */
  occupy(pool: string): () => void {
    const { allocator } = this.#o;
    const idle = this.reserve.hide(pool);
    const taken: Location[] = [];
    for (let location = allocator.take(pool); location !== undefined; location = allocator.take(pool))
      taken.push(location);
    return () => {
      for (const location of taken) allocator.free(location);
      this.reserve.giveBack(pool, idle);
    };
  }

  /** At a start: what was set aside or was being released is given back, as soon as `drained` says that agents are off it. */
  async recover(drained: (table: string) => Promise<void>, onBug: (error: unknown) => void): Promise<void> {
    const { records, commits } = this.#o;
    const left = leftReserves(records);
    await commits.run((change) => {
      for (const { pool } of records.reserves.values()) {
        change.delete(records.reserves.key(pool)).learn(() => records.reserves.learn(pool, undefined));
      }
      return this.releases.begin(change, left);
    });
    for (const release of records.releases.values()) {
      if (release.tables.length === 0) await this.releases.finish(release);
      else this.#finish(release, drained).catch(onBug);
    }
  }

  async #finish(release: ReleaseRecord, drained: (table: string) => Promise<void>): Promise<void> {
    for (const table of release.tables) await drained(table);
    await this.releases.finish(release);
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
