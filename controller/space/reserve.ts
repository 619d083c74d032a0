/**
 * Segments set aside for what comes next, on record: an operation takes some, fills them, and the
 * transaction that makes a table name them takes them off the record. What a crash leaves on it may
 * hold half a copy, and is punched before it is free again (docs/protocol.md, rule 3). So no allocation
 * costs a transaction of its own.
 */
import type { AllRecords } from "../records.ts";
import type { Change, Commits } from "../store/commits.ts";
import { type Location, locationName, locationsOf, runsOf } from "../tables/layout.ts";
import type { Allocator } from "./allocator.ts";
import type { UsedMap } from "./used-map.ts";

/** How many are set aside at once, and how few are left when more are. */
const FULL = 128;
const LOW = 64;

export interface ReserveContext {
  readonly records: AllRecords;
  readonly commits: Commits;
  readonly allocator: Allocator;
  readonly used: UsedMap;
}

export class Reserve {
  readonly #o: ReserveContext;
  /** On record, by pool. */
  readonly #listed = new Map<string, Map<string, Location>>();
  /** Of these, those that no operation has taken. */
  readonly #idle = new Map<string, Location[]>();

  constructor(context: ReserveContext) {
    this.#o = context;
  }

  idleIn(pool: string): number {
    return this.#idleOf(pool).length;
  }
  idleOn(device: number): number {
    let sum = 0;
    for (const idle of this.#idle.values()) sum += idle.filter((location) => location.device === device).length;
    return sum;
  }
  freeIn(pool: string): number {
    return this.#o.allocator.freeIn(pool) + this.idleIn(pool);
  }

  /** So many segments, on record as taken; undefined where the pool has fewer. */
  async take(pool: string, count: number): Promise<Location[] | undefined> {
    for (;;) {
      const idle = this.#idleOf(pool);
      if (idle.length >= count) return idle.splice(0, count);
      if (this.freeIn(pool) < count) return undefined;
      const missing = count - idle.length;
      await this.#o.commits.run((change) => this.#fill(change, pool, missing + LOW));
    }
  }

  /** A segment of one device; undefined where it has none. */
  async takeOn(pool: string, device: number): Promise<Location | undefined> {
    const idle = this.#idleOf(pool);
    const at = idle.findIndex((location) => location.device === device);
    if (at >= 0) return idle.splice(at, 1)[0];
    return this.#o.commits.run((change) => {
      const [taken] = this.#pick(change, pool, 1, device);
      if (taken !== undefined) this.#list(change, pool, [taken]);
      return taken;
    });
  }

  /** A table names them from this transaction on; it sets others aside where few are left. */
  spend(change: Change, pool: string, locations: readonly Location[]): void {
    if (locations.length === 0) return;
    const listed = this.#listedOf(pool);
    for (const location of locations) {
      listed.delete(locationName(location));
      change.orElse(() => listed.set(locationName(location), location));
    }
    if (this.idleIn(pool) < LOW) this.#fill(change, pool, FULL - this.idleIn(pool));
    this.#record(change, pool);
  }

  /** They were not needed, and are zero. */
  giveBack(pool: string, locations: readonly Location[]): void {
    this.#idleOf(pool).unshift(...locations);
  }

  /** Nobody is given what is set aside, until it is given back. */
  hide(pool: string): Location[] {
    return this.#idleOf(pool).splice(0);
  }

  /** Takes all that is set aside off the record again; for whoever releases it then. */
  empty(change: Change, pool: string, device?: number): Location[] {
    const idle = this.#idleOf(pool);
    const gone = idle.filter((location) => device === undefined || location.device === device);
    this.#idle.set(
      pool,
      idle.filter((location) => !gone.includes(location)),
    );
    this.forget(change, pool, gone);
    return gone;
  }

  /** Takes what an operation has taken off the record; for whoever releases it then. */
  forget(change: Change, pool: string, locations: readonly Location[]): void {
    for (const location of locations) this.#listedOf(pool).delete(locationName(location));
    this.#record(change, pool);
  }

  #fill(change: Change, pool: string, count: number): void {
    const taken = this.#pick(change, pool, count);
    this.#list(change, pool, taken);
    change.learn(() => this.#idleOf(pool).push(...taken));
  }

  #pick(change: Change, pool: string, count: number, device?: number): Location[] {
    const { allocator } = this.#o;
    const taken: Location[] = [];
    while (taken.length < count) {
      const location = allocator.take(pool, device);
      if (location === undefined) break;
      taken.push(location);
      change.orElse(() => allocator.free(location));
    }
    return taken;
  }

  #list(change: Change, pool: string, locations: readonly Location[]): void {
    const listed = this.#listedOf(pool);
    for (const location of locations) {
      listed.set(locationName(location), location);
      change.orElse(() => listed.delete(locationName(location)));
    }
    this.#o.used.mark(change, locations, true);
    this.#record(change, pool);
  }

  #record(change: Change, pool: string): void {
    const { records } = this.#o;
    const record = { pool, runs: runsOf([...this.#listedOf(pool).values()]) };
    change.put(records.reserves.put(pool, record)).learn(() => records.reserves.learn(pool, record));
  }

  #listedOf(pool: string): Map<string, Location> {
    const listed = this.#listed.get(pool) ?? new Map<string, Location>();
    this.#listed.set(pool, listed);
    return listed;
  }
  #idleOf(pool: string): Location[] {
    const idle = this.#idle.get(pool) ?? [];
    this.#idle.set(pool, idle);
    return idle;
  }
}

/** What a controller that is gone had set aside. */
export function leftReserves(records: AllRecords): Location[] {
  return records.reserves.values().flatMap(({ runs }) => [...locationsOf(runs)]);
}
