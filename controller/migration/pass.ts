/** One pass over the tables of an operation's families, some segments at a time, with faults served between. */

import { CHUNK_ENTRIES } from "node-iscsi-target/mapping/entry.ts";
import type { ControllerCore } from "../core.ts";
import { columns } from "../families/columns.ts";
import type { Family } from "../families/family.ts";
import { type Location, locationName } from "../tables/layout.ts";
import { type Move, moveSegments } from "./move.ts";
import type { Policy } from "./policy.ts";
import type { Stay } from "./record.ts";

/**
 * Segments in motion at once, from few to many: as many as move in about so long, since writes to them wait,
 * and since each batch has its syncs and transactions.
 */
const FEW = 4;
const MANY = 16;
const BATCH_MS = 50;

export interface Progress {
  /** Called between batches; false: stop. */
  readonly goesOn: (moved: number) => Promise<boolean>;
  readonly stays: (stay: Stay) => void;
  /** Locations that stay where they are. */
  readonly staying: Set<string>;
}

/** A pool that has no place left. */
export class PoolFull extends Error {}

/** @throws PoolFull */
export async function pass(core: ControllerCore, policy: Policy, progress: Progress): Promise<void> {
  let atOnce = FEW;
  for (const family of policy.families()) {
    for (let chunk = 0; chunk < (await columns(core, family)); chunk += 1) {
      for (let more = true; more; ) {
        const { batch, ms } = await family.run(() =>
          timed(core, () => moveSome(core, family, chunk, { policy, progress, atOnce })),
        );
        more = batch === atOnce;
        if (more && ms < BATCH_MS) atOnce = Math.min(MANY, atOnce * 2);
        else if (ms > 2 * BATCH_MS) atOnce = Math.max(FEW, atOnce / 2);
        if (batch > 0 && !(await progress.goesOn(batch))) return;
      }
    }
  }
}

/** The time counts from the family's turn on: what was before it, it waited for. */
async function timed(core: ControllerCore, work: () => Promise<number>): Promise<{ batch: number; ms: number }> {
  const { clock } = core.options;
  const beganMs = clock.nowMs();
  const batch = await work();
  return { batch, ms: clock.nowMs() - beganMs };
}

/** How many segments a pass would move. */
export async function count(core: ControllerCore, policy: Policy): Promise<number> {
  let total = 0;
  for (const family of policy.families()) {
    for (let chunk = 0; chunk < (await columns(core, family)); chunk += 1) {
      const edit = core.edit(family);
      await edit.load(chunk);
      for (let segment = chunk * CHUNK_ENTRIES; segment < (chunk + 1) * CHUNK_ENTRIES; segment += 1) {
        for (const { location } of edit.placesAt(segment).values()) if (policy.target(location)) total += 1;
      }
    }
  }
  return total;
}

/** @returns how many segments were taken up. */
async function moveSome(
  core: ControllerCore,
  family: Family,
  chunk: number,
  { policy, progress, atOnce }: { readonly policy: Policy; readonly progress: Progress; readonly atOnce: number },
): Promise<number> {
  const edit = core.edit(family);
  await edit.load(chunk);
  const moves: Move[] = [];
  let pool = "";
  const wanted = Iterator.from(places(edit, chunk)).filter(
    ({ location }) => !progress.staying.has(locationName(location)),
  );
  for (const { table, segment, location } of wanted) {
    if (moves.length === atOnce) break;
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
  }
  if (moves.length === 0) return 0;
  const left = await moveSegments(core, family, edit, pool, moves);
  for (const { table, segment, from } of left) {
    progress.staying.add(locationName(from));
    const holders = [table, ...edit.sharers(table, segment)];
    const disks = holders.flatMap((holder) => core.families.disk(holder)?.name ?? []);
    progress.stays({ disks, segment, at: from, reason: "the source could not be read, or its copy not be written" });
  }
  return moves.length;
}

async function place(core: ControllerCore, pool: string, device: number | undefined): Promise<Location | undefined> {
  const { reserve } = core.space;
  return device === undefined ? (await reserve.take(pool, 1))?.[0] : reserve.takeOn(pool, device);
}

function* places(edit: ReturnType<ControllerCore["edit"]>, chunk: number) {
  for (let segment = chunk * CHUNK_ENTRIES; segment < (chunk + 1) * CHUNK_ENTRIES; segment += 1) {
    for (const { table, location } of edit.placesAt(segment).values()) yield { table, segment, location };
  }
}
