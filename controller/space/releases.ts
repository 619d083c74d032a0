/**
 * Segments on their way back to the pool. A record of them is written by the transaction in which the
 * last table lets go; they are punched, durably, and only then free (docs/protocol.md, rules 2 and 3). What
 * a crash leaves on record is finished at the next start.
 */
import type { Medium } from "../devices/medium.ts";
import type { AllRecords, ReleaseRecord } from "../records.ts";
import type { Change, Commits } from "../store/commits.ts";
import { type Location, type LocationRun, locationsOf, runsOf } from "../tables/layout.ts";
import type { Allocator } from "./allocator.ts";
import { type UsedMap, usedPageOf } from "./used-map.ts";

/** Pages of used segments that one transaction changes. */
const PAGES_AT_ONCE = 512;

export interface ReleaseContext {
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

/** Locations that become free in one transaction, and what its record says then. */
interface Step {
  readonly record: ReleaseRecord;
  readonly locations: readonly Location[];
  readonly more: readonly LocationRun[];
}

export class Releases {
  readonly #o: ReleaseContext;
  /** On record still, since a device is not there or has failed. */
  readonly #left = new Set<string>();
  #isAtItAgain = false;

  constructor(context: ReleaseContext) {
    this.#o = context;
  }

  /** Records that nothing names them any more; `finish` what it returns once no agent can reach them. `tables`: whose agents that are. */
  begin(change: Change, locations: readonly Location[], tables: readonly string[] = []): ReleaseRecord | undefined {
    if (locations.length === 0) return undefined;
    const { records } = this.#o;
    const id = String(this.#o.nextNumber());
    const record: ReleaseRecord = { id, runs: runsOf(locations), tables };
    this.#o.numbers(change);
    change.put(records.releases.put(id, record)).learn(() => records.releases.learn(id, record));
    return record;
  }

  /**
   * Punched, durably, and then free: with one sync and as few transactions as hold them. Segments of a device
   * that is not there stay on record until it is.
   */
  async finish(...records: (ReleaseRecord | undefined)[]): Promise<void> {
    const { media, log } = this.#o;
    // One that goes or comes meanwhile changes nothing: what is punched here is what is free then.
    const there = new Set(media.keys());
    const isHere = ([device]: LocationRun) => there.has(device);
    const some = records.flatMap((record) => record ?? []);
    const here = some.flatMap(({ runs }) => runs.filter(isHere));
    const stays = some.filter(({ runs }) => !runs.every(isHere));
    if (here.length === 0) return this.#leave(stays);
    try {
      await this.punch({ runs: here });
    } catch (error) {
      this.#leave(some);
      // They stay on record, and are tried again when others go back: nobody is given what was not punched.
      return log(`segments could not be given back yet: ${error instanceof Error ? error.message : String(error)}`);
    }
    let steps: Step[] = [];
    let pages = 0;
    for (const step of some.flatMap((record) => stepsOf(record, isHere))) {
      const more = Math.min(PAGES_AT_ONCE, step.locations.length);
      if (pages + more > PAGES_AT_ONCE) {
        await this.#free(steps);
        [steps, pages] = [[], 0];
      }
      steps.push(step);
      pages += more;
    }
    await this.#free(steps);
    this.#leave(stays);
    await this.#again();
  }

  #leave(records: readonly ReleaseRecord[]): void {
    for (const { id } of records) this.#left.add(id);
  }

  /** A device that takes writes may take those that it has refused before. */
  async #again(): Promise<void> {
    if (this.#isAtItAgain) return;
    this.#isAtItAgain = true;
    try {
      await this.finishLeft();
    } finally {
      this.#isAtItAgain = false;
    }
  }

  async #free(steps: readonly Step[]): Promise<void> {
    const { records, used, commits, allocator } = this.#o;
    await commits.run((change) => {
      for (const { record, locations, more } of steps) {
        const { id } = record;
        used.mark(change, locations, false);
        // Its device may have gone for good meanwhile.
        const left = more.filter(([device]) => records.devices.has(String(device)));
        const rest = left.length === 0 ? undefined : { ...record, runs: left };
        if (rest === undefined) change.delete(records.releases.key(id));
        else change.put(records.releases.put(id, rest));
        change.learn(() => {
          records.releases.learn(id, rest);
          for (const location of locations) allocator.free(location);
        });
      }
    });
  }

  /** How many of a device are on their way back. */
  on(device: number): number {
    const runs = this.#o.records.releases.values().flatMap((record) => record.runs);
    return runs.reduce((sum, [at, , count]) => sum + (at === device ? count : 0), 0);
  }

  /** Whose agents may go by what is on its way back to a device. */
  tablesOn(device: number): ReadonlySet<string> {
    const there = this.#o.records.releases.values().filter(({ runs }) => runs.some(([at]) => at === device));
    return new Set(there.flatMap(({ tables }) => tables));
  }

  /** What could not be given back goes with its devices. */
  drop(change: Change, devices: ReadonlySet<number>): void {
    const { releases } = this.#o.records;
    for (const record of releases.values()) {
      const runs = record.runs.filter(([device]) => !devices.has(device));
      if (runs.length === record.runs.length) continue;
      const rest = runs.length === 0 ? undefined : { ...record, runs };
      if (rest === undefined) change.delete(releases.key(record.id));
      else change.put(releases.put(record.id, rest));
      change.learn(() => releases.learn(record.id, rest));
    }
  }

  /** What was left, again: a device is back. Whatever else is on record is for its operation to finish, since agents may not be off it. */
  async finishLeft(): Promise<void> {
    for (const id of [...this.#left]) {
      // Whoever took it meanwhile finishes it.
      if (this.#left.delete(id)) await this.finish(this.#o.records.releases.get(id));
    }
  }

  async #sync(device: number, medium: Medium): Promise<void> {
    try {
      await medium.sync();
    } catch (error) {
      await this.#o.onUnsynced(device, medium);
      throw error;
    }
  }

  /** The segments read as zeros, durably. */
  async punch({ runs }: Pick<ReleaseRecord, "runs">): Promise<void> {
    const { records, media } = this.#o;
    const devices = new Map<number, Medium>();
    for (const [device, first, count] of runs) {
      const medium = media.get(device);
      if (medium === undefined) throw new Error(`device ${device} is not there any more`);
      const pool = records.devices.get(String(device))?.pool ?? "";
      const { segmentBytes } = records.pools.get(pool) as { segmentBytes: number };
      await medium.zero(first * segmentBytes, count * segmentBytes);
      devices.set(device, medium);
    }
    for (const [device, medium] of devices) await this.#sync(device, medium);
  }
}

/** A record in steps that change so many pages each. */
function stepsOf(record: ReleaseRecord, isHere: (run: LocationRun) => boolean): Step[] {
  const locations = [...locationsOf(record.runs.filter(isHere))];
  const elsewhere = record.runs.filter((run) => !isHere(run));
  const steps: Step[] = [];
  for (let done = 0; done < locations.length; ) {
    const some = withinPages(locations, done, PAGES_AT_ONCE);
    done += some.length;
    steps.push({ record, locations: some, more: [...runsOf(locations.slice(done)), ...elsewhere] });
  }
  return steps;
}

/** From one on, as many as lie in so many pages. They ascend, as runs do. */
function withinPages(locations: readonly Location[], first: number, pages: number): Location[] {
  const named = new Set<string>();
  let end = first;
  for (; end < locations.length; end += 1) {
    named.add(usedPageOf(locations[end] as Location));
    if (named.size > pages) break;
  }
  return locations.slice(first, end);
}
