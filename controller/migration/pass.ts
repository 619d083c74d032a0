/** One pass over the tables of an operation's families, some segments at a time, with faults served between. */

import { CHUNK_ENTRIES } from "node-iscsi-target/mapping/entry.ts";
import type { ControllerCore } from "../core.ts";
import { columns } from "../families/columns.ts";
import type { Family } from "../families/family.ts";
import { type Sense, SOURCE_UNREADABLE } from "../families/senses.ts";
import type { ReleaseRecord } from "../records.ts";
import { type Location, locationName } from "../tables/layout.ts";
import { places } from "../tables/places.ts";
import { type Move, moveSegments } from "./move.ts";
import type { Policy } from "./policy.ts";
import type { Stay } from "./record.ts";
import { Trail } from "./trail.ts";

/**
 * Segments in motion at once, from few to many: as many as move in about so long, since writes to them wait,
 * and since each batch has its syncs and transactions.
 */
const FEW = 4;
const MANY = 32;
const BATCH_MS = 50;

export interface Progress {
  /** Called between batches; false: stop. */
  readonly goesOn: (moved: number) => Promise<boolean>;
  readonly stays: (stay: Stay) => void;
  /** Locations that stay where they are. */
  readonly staying: Set<string>;
}

interface Run {
  readonly policy: Policy;
  readonly progress: Progress;
  readonly trail: Trail;
  atOnce: number;
}

interface Batch {
  /** How many segments were taken up. */
  readonly count: number;
  /** Where the next one begins; undefined: none is left of the chunk. */
  readonly next: number | undefined;
  readonly release: ReleaseRecord | undefined;
}

/** A pool that has no place left. */
export class PoolFull extends Error {}

/** @throws PoolFull */
export async function pass(core: ControllerCore, policy: Policy, progress: Progress): Promise<void> {
  const trail = new Trail(core.space.releases);
  try {
    await passOver(core, { policy, progress, trail, atOnce: FEW });
  } finally {
    await trail.end();
  }
}

async function passOver(core: ControllerCore, run: Run): Promise<void> {
  for (const family of run.policy.families()) {
    for (let chunk = 0; chunk < (await columns(core, family)); chunk += 1) {
      for (let next: number | undefined = chunk * CHUNK_ENTRIES; next !== undefined; ) {
        const from: number = next;
        const batch = await family.run(() => timed(core, () => moveSome(core, family, { chunk, from }, run)));
        const { count: moved, ms, release } = batch;
        if (release !== undefined) await run.trail.add(release);
        next = batch.next;
        if (next !== undefined && ms < BATCH_MS) run.atOnce = Math.min(MANY, run.atOnce * 2);
        else if (ms > 2 * BATCH_MS) run.atOnce = Math.max(FEW, run.atOnce / 2);
        if (moved > 0 && !(await run.progress.goesOn(moved))) return;
      }
    }
  }
}

/** The time counts from the family's turn on: what was before it, it waited for. */
async function timed<T extends object>(core: ControllerCore, work: () => Promise<T>): Promise<T & { ms: number }> {
  const { clock } = core.options;
  const beganMs = clock.nowMs();
  const result = await work();
  return { ...result, ms: clock.nowMs() - beganMs };
}

/** How many segments a pass would move. */
export async function count(core: ControllerCore, policy: Policy): Promise<number> {
  let total = 0;
  for (const family of policy.families()) {
    for (let chunk = 0; chunk < (await columns(core, family)); chunk += 1) {
      const edit = core.edit(family);
      await edit.load(chunk);
      for (const { location } of places(edit, chunk)) if (policy.target(location)) total += 1;
    }
  }
  return total;
}

/** Segments of a chunk, from one on. What lies before it has been moved, or stays. */
async function moveSome(
  core: ControllerCore,
  family: Family,
  { chunk, from }: { readonly chunk: number; readonly from: number },
  { policy, progress, atOnce }: Run,
): Promise<Batch> {
  const edit = core.edit(family);
  await edit.load(chunk);
  const moves: Move[] = [];
  let pool = "";
  const wanted = places(edit, chunk, from).filter(({ location }) => !progress.staying.has(locationName(location)));
  for (const { table, segment, location } of wanted) {
    const target = policy.target(location);
    if (target === undefined) continue;
    const to = await place(core, target.pool, target.device);
    if (to === undefined && target.device !== undefined) continue;
    if (to === undefined) {
      await core.space.giveBack(
        pool,
        moves.map((move) => move.to),
      );
      throw new PoolFull(target.pool);
    }
    pool = target.pool;
    moves.push({ table, segment, from: location, to });
    if (moves.length === atOnce) break;
  }
  if (moves.length === 0) return { count: 0, next: undefined, release: undefined };
  const { left, release } = await moveSegments(core, family, edit, pool, moves);
  for (const [{ table, segment, from: at }, sense] of left) {
    progress.staying.add(locationName(at));
    const holders = [table, ...edit.sharers(table, segment)];
    const disks = holders.flatMap((holder) => core.families.disk(holder)?.name ?? []);
    progress.stays({ disks, segment, at, reason: reasonOf(sense) });
  }
  // Several places may be left at the last one.
  const next = moves.length === atOnce ? moves.at(-1)?.segment : undefined;
  return { count: moves.length, next, release };
}

function reasonOf(sense: Sense): string {
  return sense === SOURCE_UNREADABLE ? "it could not be read" : "its copy could not be written";
}

async function place(core: ControllerCore, pool: string, device: number | undefined): Promise<Location | undefined> {
  const { reserve } = core.space;
  return device === undefined ? (await reserve.take(pool, 1))?.[0] : reserve.takeOn(pool, device);
}
