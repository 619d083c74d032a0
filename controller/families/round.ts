/**
 * Write faults of a family that are served together: first writes, and writes to shared segments
 * (docs/protocol.md, First write, and Snapshot: steps 550 and 560). One transaction
 * and one round of messages for all of them.
 */
import { EntryState } from "node-iscsi-target/mapping/entry.ts";
import type { ControllerCore } from "../core.ts";
import type { CopyRecord } from "../records.ts";
import type { Change } from "../store/commits.ts";
import type { Edit, Words } from "../tables/edit.ts";
import { chunkOf, type Location } from "../tables/layout.ts";
import { copySegments } from "./copies.ts";
import type { Family } from "./family.ts";
import { grant } from "./grants.ts";
import { RoundSize } from "./round-size.ts";
import type { Sense } from "./senses.ts";

/** How many segments one transaction allocates, unless a single fault asks for more. */
const MOST_SEGMENTS = 128;

/** Nw (250), for as long as not everybody has the entry. */
export const NOT_YET = EntryState.NO_WRITE;

interface FirstWrite {
  readonly table: string;
  readonly segment: number;
  readonly to: Location;
}
interface SharedWrite extends FirstWrite {
  readonly from: Location;
  readonly others: readonly string[];
}

/** What a fault needs of a segment: nothing, a place, or a copy for the others. */
export type Need = "nothing" | "place" | "copy";

export class Round {
  readonly #core: ControllerCore;
  readonly #family: Family;
  readonly #edit: Edit;
  readonly #pool: string;
  readonly #firsts: FirstWrite[] = [];
  readonly #shared: SharedWrite[] = [];
  /** Which table has a copy made of the segment. */
  readonly #copied = new Map<number, string>();
  readonly #planned = new Set<string>();
  readonly #size: RoundSize;

  constructor(core: ControllerCore, family: Family, edit: Edit, pool: string) {
    this.#size = new RoundSize(edit, (table) => rootBytes(core, table));
    this.#core = core;
    this.#family = family;
    this.#edit = edit;
    this.#pool = pool;
  }

  /** Goes into the transaction that makes the tables name what was taken. */
  besides: ((change: Change) => void) | undefined;

  get size(): number {
    return this.#firsts.length + this.#shared.length;
  }
  /** How many more segments it takes. */
  get room(): number {
    return Math.max(0, MOST_SEGMENTS - this.size);
  }
  /** Segments that are written for the first time. */
  get firsts(): readonly { readonly table: string; readonly segment: number }[] {
    return this.#firsts;
  }

  needs(table: string, segment: number): Need {
    if (this.#planned.has(`${table}/${segment}`)) return "nothing";
    return needOf(this.#edit, table, segment);
  }

  /** Whether a fault for these can be served in this round: one table at a time keeps its place. */
  admits(table: string, copies: readonly number[], segments: number): boolean {
    if (this.size > 0 && this.size + segments > MOST_SEGMENTS) return false;
    return copies.every((segment) => (this.#copied.get(segment) ?? table) === table);
  }

  /** Of these, as many of the first as one transaction takes with what is in the round. */
  fitting(table: string, segments: readonly number[]): number[] {
    return this.#size.fitting(table, segments);
  }

  add(table: string, segment: number, to: Location): void {
    this.#size.add(table, segment);
    const from = this.#edit.location(table, segment);
    const others = this.#edit.sharers(table, segment);
    this.#planned.add(`${table}/${segment}`);
    if (from === undefined) {
      this.#firsts.push({ table, segment, to });
      return;
    }
    this.#copied.set(segment, table);
    this.#shared.push({ table, segment, from, to, others });
  }

  /** Serves all; the sense of what could not be, by `table/segment`. */
  async run(): Promise<Map<string, Sense>> {
    const { segmentBytes } = this.#core.records.pools.get(this.#pool) as { segmentBytes: number };
    const failed = await copySegments(this.#core, segmentBytes, this.#shared);
    const shared = this.#shared.filter((copy) => !failed.has(copy));
    await this.#commit(shared);
    await this.#core.space.giveBack(
      this.#pool,
      [...failed.keys()].map(({ to }) => to),
    );
    const had = agentCounts(this.#core);
    const moved = shared.flatMap(({ others, segment }) => others.map((other) => [other, segment] as const));
    const changed = [...this.#firsts.map(({ table, segment }) => [table, segment] as const), ...moved];
    const [several, single] = parted(changed, ([table]) => (had.get(table) ?? 0) > 1);
    // Step 560: everybody reads the segment at its new place before anybody writes it there (rule 8).
    await Promise.all([tell(this.#core, this.#edit, several, NOT_YET), tell(this.#core, this.#edit, single, 0)]);
    if (this.#core.records.copies.get(this.#family.id)) await forgetCopies(this.#core, this.#family.id);
    const kept = shared.map(({ table, segment }) => [table, segment] as const);
    await tell(this.#core, this.#edit, [...kept, ...several], 0);
    return new Map([...failed].map(([{ table, segment }, sense]) => [`${table}/${segment}`, sense]));
  }

  /** Step 550, with a record that 560 is not complete: of what no agent has, nobody need be told, and it is. */
  async #commit(shared: readonly SharedWrite[]): Promise<void> {
    const edit = this.#edit;
    for (const { table, segment, to } of this.#firsts) edit.map(table, segment, to);
    for (const { table, segment, to } of shared) edit.moveOthers(table, segment, to);
    const roots = await edit.roots();
    const { commits, space, records } = this.#core;
    const spent = [...this.#firsts, ...shared].map(({ to }) => to);
    if (spent.length === 0) return;
    await commits.run((change) => {
      edit.into(change, roots);
      space.reserve.spend(change, this.#pool, spent);
      this.besides?.(change);
      const had = agentCounts(this.#core);
      const copies = shared.flatMap(({ table, segment, others }) => {
        const told = others.filter((other) => had.has(other));
        return told.length === 0 ? [] : [{ table, segment, others: told }];
      });
      if (copies.length === 0) return;
      const record: CopyRecord = { family: this.#family.id, copies };
      change.put(records.copies.put(record.family, record)).learn(() => records.copies.learn(record.family, record));
    });
  }
}

function rootBytes({ families, records }: ControllerCore, table: string): number {
  const disk = families.disk(table);
  const pool = disk && records.pools.get(disk.pool);
  return disk === undefined || pool === undefined ? 0 : 4 * (chunkOf(disk.sizeBytes / pool.segmentBytes) + 1);
}

/** How many agents may have each table, connected or not; absent: none. One that gets it only now knows nothing of it. */
export function agentCounts({ records }: ControllerCore): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { tables } of records.agents.values())
    for (const table of tables) counts.set(table, (counts.get(table) ?? 0) + 1);
  return counts;
}

export function parted<T>(all: readonly T[], belongs: (one: T) => boolean): [T[], T[]] {
  return [all.filter(belongs), all.filter((one) => !belongs(one))];
}

export function needOf(edit: Edit, table: string, segment: number): Need {
  const [word0] = edit.entry(table, segment);
  if (word0 & EntryState.ERROR) return "nothing";
  if (edit.location(table, segment) === undefined) return "place";
  return edit.sharers(table, segment).length > 0 ? "copy" : "nothing";
}

/**
 * Brings these entries to all agents of their tables; resolved when all have them, and no I/O goes on
 * by what they had before. `besides`: Nw in every one, whoever holds it.
 */
export async function tell(
  core: ControllerCore,
  edit: Edit,
  segments: readonly (readonly [table: string, segment: number])[],
  besides: number,
): Promise<void> {
  const had = agentCounts(core);
  const tables = Map.groupBy(
    segments.filter(([table]) => had.has(table)),
    ([table]) => table,
  );
  await Promise.all(
    [...tables].map(([table, theirs]) => {
      const entries = new Map<number, Words>();
      for (const [, segment] of theirs) {
        const [word0, word1] = edit.wireEntry(table, segment);
        entries.set(segment, [(word0 | besides) >>> 0, word1]);
      }
      return grant(core, table, entries, true);
    }),
  );
}

/** Step 560 is complete. */
export async function forgetCopies(core: ControllerCore, family: string): Promise<void> {
  const { commits, records } = core;
  await commits.run((change) =>
    change.delete(records.copies.key(family)).learn(() => records.copies.learn(family, undefined)),
  );
}

/** Of a round that failed: until step 560 is complete nobody holds a segment alone. */
export async function finishLeftCopies(core: ControllerCore, family: Family): Promise<void> {
  const record = core.records.copies.get(family.id);
  if (record !== undefined) await finishCopies(core, family, record);
}

/** Step 560 again: every agent of the others has the copies, or is fenced. */
export async function finishCopies(core: ControllerCore, family: Family, { copies }: CopyRecord): Promise<void> {
  const edit = core.edit(family);
  for (const { segment } of copies) await edit.loadSegments(segment, 1);
  const moved = copies.flatMap(({ segment, others }) => others.map((table) => [table, segment] as const));
  await tell(
    core,
    edit,
    moved.filter(([table]) => family.tables.has(table)),
    NOT_YET,
  );
  await forgetCopies(core, family.id);
}
