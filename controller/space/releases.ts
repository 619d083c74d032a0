/**
 * Segments on their way back to the pool. A record of them is written by the transaction in which the
 * last table lets go; they are punched, durably, and only then free (docs/protocol.md, rules 2 and 3). What
 * a crash leaves on record is finished at the next start.
 */
import type { Medium } from "../devices/medium.ts";
import type { AllRecords, ReleaseRecord } from "../records.ts";
import type { Change, Commits } from "../store/commits.ts";
import { type Location, locationsOf, runsOf } from "../tables/layout.ts";
import type { Allocator } from "./allocator.ts";
import type { UsedMap } from "./used-map.ts";

export interface ReleaseContext {
  readonly records: AllRecords;
  readonly commits: Commits;
  readonly allocator: Allocator;
  readonly used: UsedMap;
  readonly media: ReadonlyMap<number, Medium>;
  readonly nextNumber: () => number;
  readonly numbers: (change: Change) => void;
  readonly log: (line: string) => void;
}

export class Releases {
  readonly #o: ReleaseContext;

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

  /** Punched, durably, and then free. Segments of a device that is not there stay on record until it is. */
  async finish(record: ReleaseRecord | undefined): Promise<void> {
    if (record === undefined || record.runs.some(([device]) => !this.#o.media.has(device))) return;
    const locations = [...locationsOf(record.runs)];
    const { records, used, commits, allocator, log } = this.#o;
    try {
      await this.punch(record);
    } catch (error) {
      // They stay on record, and are tried again at the next start: nobody is given what was not punched.
      return log(`segments could not be given back: ${error instanceof Error ? error.message : String(error)}`);
    }
    await commits.run((change) => {
      used.mark(change, locations, false);
      change.delete(records.releases.key(record.id)).learn(() => records.releases.learn(record.id, undefined));
      change.learn(() => {
        for (const location of locations) allocator.free(location);
      });
    });
  }

  /** The segments read as zeros, durably. */
  async punch({ runs }: Pick<ReleaseRecord, "runs">): Promise<void> {
    const { records, media } = this.#o;
    const devices = new Set<Medium>();
    for (const [device, first, count] of runs) {
      const medium = media.get(device) as Medium;
      const pool = records.devices.get(String(device))?.pool ?? "";
      const { segmentBytes } = records.pools.get(pool) as { segmentBytes: number };
      await medium.zero(first * segmentBytes, count * segmentBytes);
      devices.add(medium);
    }
    await Promise.all([...devices].map((medium) => medium.sync()));
  }
}
