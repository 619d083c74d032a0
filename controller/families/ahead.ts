/**
 * Segments that are allocated ahead of a sequential first write, so that it does not pay a round trip
 * and a commit for each of them (docs/protocol.md, First write); and given back where nobody wrote.
 *
 * A segment that still holds nothing but zeros may be zero (Z) again, and nobody can tell: so it need
 * not be known who wrote where. When a run has ended, what was allocated for it is taken from all
 * agents, drained, and looked at. It is on record until then, a crash or none.
 */

import { pause } from "../clock.ts";
import type { ControllerCore } from "../core.ts";
import { readsAsZeros } from "../devices/copying.ts";
import type { AheadRecord, DiskRecord } from "../records.ts";
import { askAgents } from "../server/questions.ts";
import type { Change } from "../store/commits.ts";
import type { Edit } from "../tables/edit.ts";
import type { Location } from "../tables/layout.ts";
import type { Family } from "./family.ts";
import { revoke } from "./grants.ts";
import { finishLeftCopies, type Round } from "./round.ts";
import { IDLE_MS, type Run, Runs } from "./runs.ts";
import { unmapRanges } from "./unmaps.ts";

const MIB = 1024 * 1024;
/** At once, for one run. */
const MOST_SEGMENTS = 32;
const MOST_BYTES = 32 * MIB;
/** Of what is free in the pool. */
const MOST_OF_FREE = 1 / 8;
/** Nobody waits longer for what has to wait for a family, and for its agents. */
const PATIENCE_MS = 1000;

/** Segments of one table. */
interface Range {
  readonly table: string;
  readonly first: number;
  readonly count: number;
}
interface Held {
  readonly segment: number;
  readonly location: Location;
  readonly holders: readonly string[];
}

export class Ahead {
  readonly #core: ControllerCore;
  /** By family. */
  readonly #runs = new Map<string, Runs>();
  /** Families that are looked at soon; each takes that back. */
  readonly #watched = new Map<string, () => void>();
  #isClosed = false;

  constructor(core: ControllerCore) {
    this.#core = core;
  }

  /** What a controller that is gone has left on record. */
  begin(): void {
    const nowMs = this.#core.options.clock.nowMs();
    for (const { family, ranges } of this.#core.records.ahead.values()) {
      for (const [table, first, count] of ranges) this.#of(family).left(table, first, count, nowMs);
      this.#watch(family);
    }
  }

  /** Adds to a round what lies ahead of the first writes in it, where there is enough space. */
  async plan(family: Family, edit: Edit, round: Round, pool: string): Promise<void> {
    const runs = this.#of(family.id);
    const nowMs = this.#core.options.clock.nowMs();
    for (const { table, first, count } of rangesOf(round.firsts)) {
      const most = Math.min(this.#most(pool), round.room, runs.wanted(table, first, nowMs));
      const ahead = most === 0 ? 0 : await this.#add(edit, round, pool, { table, first: first + count, count: most });
      runs.granted(table, first, count, ahead, nowMs);
    }
    if (runs.ahead.length === 0) return;
    const { records } = this.#core;
    const record = recordOf(family.id, runs.ahead);
    round.besides = (change) => void change.replace(records.ahead, family.id, record);
    this.#watch(family.id);
  }

  /** Gives back what nobody wrote to, of runs that have ended: what is shown to people is what was written. */
  async settle(): Promise<void> {
    const { clock } = this.#core.options;
    await this.#patiently(
      [...this.#runs].map(async ([id, runs]) => {
        const left = runs.ahead;
        const latestMs = Math.max(...left.map(({ grantedMs }) => grantedMs));
        const youngMs = latestMs + IDLE_MS / 2 - clock.nowMs();
        // Who writes on is not disturbed.
        if (left.length > 0 && youngMs > 0) await pause(clock, youngMs);
        await this.#giveBack(id, left);
      }),
    );
  }

  /** Gives back at once what nobody wrote to, of a pool that is full; not to be waited for in a family's turn. */
  async giveBackIn(pool: string): Promise<void> {
    const isHere = ({ table }: Run) => this.#core.families.disk(table)?.pool === pool;
    await this.#patiently([...this.#runs].map(([id, runs]) => this.#giveBack(id, runs.ahead.filter(isHere))));
  }

  /** As many segments are free as can be, where these are not. */
  async makeRoom(pool: string, segments: number): Promise<void> {
    if (this.#core.space.freeIn(pool) < segments) await this.giveBackIn(pool);
  }

  /** A table that goes takes with it what is on record of it. To be called in the turn of its family. */
  leave(change: Change, { family, table }: Pick<DiskRecord, "family" | "table">): void {
    const runs = this.#of(family);
    const theirs = runs.all.filter((run) => run.table === table);
    this.#record(
      change,
      family,
      runs.ahead.filter((run) => !theirs.includes(run)),
    );
    change.learn(() => runs.end(theirs));
  }

  close(): void {
    this.#isClosed = true;
    for (const cancel of this.#watched.values()) cancel();
    this.#watched.clear();
  }

  async #patiently(work: readonly Promise<void>[]): Promise<void> {
    // Whoever waits goes on, with what is free.
    const done = Promise.all(work).catch((error: unknown) => this.#core.bug(error));
    if (this.#runs.values().some((runs) => runs.ahead.length > 0)) {
      await Promise.race([done, pause(this.#core.options.clock, PATIENCE_MS)]);
    }
  }

  #of(family: string): Runs {
    const runs = this.#runs.get(family) ?? new Runs();
    this.#runs.set(family, runs);
    return runs;
  }

  #most(pool: string): number {
    const segmentBytes = this.#core.records.pools.get(pool)?.segmentBytes ?? MOST_BYTES;
    const free = Math.floor(this.#core.space.freeIn(pool) * MOST_OF_FREE);
    return Math.min(MOST_SEGMENTS, Math.floor(MOST_BYTES / segmentBytes), free);
  }

  /** @returns how many of the range were added, from its beginning: as far as nothing lies there. */
  async #add(edit: Edit, round: Round, pool: string, { table, first, count }: Range): Promise<number> {
    const disk = this.#core.families.disk(table);
    const { segmentBytes } = this.#core.records.pools.get(pool) as { segmentBytes: number };
    if (disk === undefined || disk.thick) return 0;
    const end = Math.min(first + count, Math.ceil(disk.sizeBytes / segmentBytes));
    let next = first;
    for (; next < end; next += 1) {
      await edit.loadSegments(next, 1);
      if (round.needs(table, next) !== "place") break;
    }
    const places = await this.#take(pool, next - first);
    for (const [at, place] of places.entries()) round.add(table, first + at, place);
    return places.length;
  }

  /** Nobody has asked for these, so none of them is missed. */
  async #take(pool: string, count: number): Promise<Location[]> {
    if (count <= 0) return [];
    try {
      return (await this.#core.space.takeZeroed(pool, count)) ?? [];
    } catch (error) {
      this.#core.options.log(`nothing is allocated ahead: ${error instanceof Error ? error.message : String(error)}`);
      return [];
    }
  }

  #watch(family: string): void {
    if (this.#isClosed || this.#watched.has(family)) return;
    const cancel = this.#core.options.clock.after(IDLE_MS, () => {
      this.#watched.delete(family);
      this.#look(family).catch((error: unknown) => this.#core.bug(error));
    });
    this.#watched.set(family, cancel);
  }

  async #look(family: string): Promise<void> {
    const endedBeforeMs = this.#core.options.clock.nowMs() - IDLE_MS;
    const runs = this.#of(family);
    await this.#giveBack(
      family,
      runs.ahead.filter(({ grantedMs }) => grantedMs <= endedBeforeMs),
    );
    if (runs.ahead.length > 0) this.#watch(family);
  }

  /** Nothing of those that have gone on since, or where I/O is under way: a drain that lasts would cost an agent its life. */
  async #giveBack(id: string, ended: readonly Run[]): Promise<void> {
    if (ended.length === 0) return;
    const family = this.#core.families.get(id);
    if (family === undefined) return this.#forget(id, ended);
    const quiet: Run[] = [];
    for (const run of ended) if (await this.#isQuiet(run)) quiet.push(run);
    await family.run(async () => {
      const left = quiet.filter((run) => this.#of(id).all.includes(run));
      await this.#clear(family, left.map(rangeOf));
      await this.#forget(id, left);
    });
  }

  async #isQuiet({ table, next, unseen = next }: Run): Promise<boolean> {
    const holders = this.#core.records.agents.values().filter(({ tables }) => tables.includes(table));
    const names = holders.map(({ name }) => name);
    const answers = await askAgents(this.#core, names, { what: "held", table, first: unseen, count: next - unseen });
    return answers.length === names.length && answers.every(({ result }) => result === false);
  }

  /** Segments of which nobody can tell that they are mapped are zero again. To be run in the family's turn. */
  async #clear(family: Family, ranges: readonly Range[]): Promise<void> {
    if (ranges.length === 0) return;
    const { agents } = this.#core;
    await finishLeftCopies(this.#core, family);
    const edit = this.#core.edit(family);
    const held = (await Promise.all(ranges.map((range) => heldIn(edit, family, range)))).flat();
    await Promise.all([...new Set(held.flatMap(({ holders }) => holders))].map((table) => agents.settled(table)));
    await Promise.all(placesOf(held).map(({ table, first, count }) => revoke(this.#core, table, first, count)));
    const unwritten: Held[] = [];
    for (const one of held) if (await this.#isUnwritten(one.location)) unwritten.push(one);
    await unmapRanges(this.#core, family, placesOf(unwritten));
  }

  async #isUnwritten({ device, segment }: Location): Promise<boolean> {
    const { media, records, options } = this.#core;
    const { segmentBytes } = records.pools.get(records.devices.get(String(device))?.pool ?? "") ?? { segmentBytes: 0 };
    const medium = media.get(device);
    if (medium === undefined || segmentBytes === 0) return false;
    try {
      return await readsAsZeros({ medium, offset: segment * segmentBytes }, segmentBytes);
    } catch (error) {
      options.log(`device ${device}: ${error instanceof Error ? error.message : String(error)}`);
      return false;
    }
  }

  async #forget(id: string, ended: readonly Run[]): Promise<void> {
    if (ended.length === 0) return;
    const runs = this.#of(id);
    runs.end(ended);
    await this.#core.commits.run((change) => this.#record(change, id, runs.ahead));
  }

  #record(change: Change, id: string, runs: readonly Run[]): void {
    const { ahead } = this.#core.records;
    if (runs.length > 0) change.replace(ahead, id, recordOf(id, runs));
    else if (ahead.has(id)) change.drop(ahead, id);
  }
}

function recordOf(family: string, runs: readonly Run[]): AheadRecord {
  const ranges = runs.map(rangeOf).map(({ table, first, count }) => [table, first, count] as const);
  return { family, ranges };
}

function rangeOf({ table, next, unseen = next }: Run): Range {
  return { table, first: unseen, count: next - unseen };
}

/** What lies in a range, with all that hold it. */
async function heldIn(edit: Edit, family: Family, { table, first, count }: Range): Promise<Held[]> {
  if (!family.tables.has(table)) return [];
  await edit.loadSegments(first, count);
  const held: Held[] = [];
  for (let segment = first; segment < first + count; segment += 1) {
    const location = edit.location(table, segment);
    if (location !== undefined) held.push({ segment, location, holders: [table, ...edit.sharers(table, segment)] });
  }
  return held;
}

function placesOf(held: readonly Held[]): Range[] {
  return rangesOf(held.flatMap(({ segment, holders }) => holders.map((table) => ({ table, segment }))));
}

/** As few as there are without gaps. */
function rangesOf(segments: readonly { readonly table: string; readonly segment: number }[]): Range[] {
  const ranges: { table: string; first: number; count: number }[] = [];
  for (const [table, theirs] of Map.groupBy(segments, (one) => one.table)) {
    for (const { segment } of theirs.toSorted((a, b) => a.segment - b.segment)) {
      const last = ranges.at(-1);
      if (last?.table === table && last.first + last.count === segment) last.count += 1;
      else ranges.push({ table, first: segment, count: 1 });
    }
  }
  return ranges;
}
