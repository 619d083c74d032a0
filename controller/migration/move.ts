/**
 * Segments moved to other places, for all who hold them (docs/protocol.md, Migration; US 6,718,404). Hosts
 * notice a short delay of writes to the segments in motion.
 */
import type { ControllerCore } from "../core.ts";
import { copySegments } from "../families/copies.ts";
import type { Family } from "../families/family.ts";
import { agentCounts, NOT_YET, parted, tell } from "../families/round.ts";
import type { Sense } from "../families/senses.ts";
import type { ReleaseRecord } from "../records.ts";
import type { Edit } from "../tables/edit.ts";
import type { Location } from "../tables/layout.ts";

export interface Move {
  /** One of those that hold it. */
  readonly table: string;
  readonly segment: number;
  readonly from: Location;
  readonly to: Location;
}

type Entry = readonly [table: string, segment: number];

export interface Moved {
  /** Those whose source could not be read, or target written, with the sense that says which. */
  readonly left: readonly (readonly [Move, Sense])[];
  /** Where the others lay: nobody can reach it any more, and it is to be given back. */
  readonly release: ReleaseRecord | undefined;
}

/** To be run in the family's turn, with its chunks loaded. */
export async function moveSegments(
  core: ControllerCore,
  family: Family,
  edit: Edit,
  pool: string,
  moves: readonly Move[],
): Promise<Moved> {
  const holders = (move: Move): Entry[] =>
    [move.table, ...edit.sharers(move.table, move.segment)].map((table) => [table, move.segment] as const);
  await Promise.all([...family.tables].map((table) => core.agents.settled(table)));
  // From here on nobody writes them (rule 4).
  await tell(core, edit, moves.flatMap(holders), NOT_YET);
  const { segmentBytes } = core.records.pools.get(pool) as { segmentBytes: number };
  const failed = await copySegments(core, segmentBytes, moves);
  const [left, moved] = parted(moves, (move) => failed.has(move));
  await core.space.giveBack(
    pool,
    left.map(({ to }) => to),
  );
  const entries = moved.flatMap(holders);
  for (const { table, segment, to } of moved) edit.moveAll(table, segment, to);
  const tables = [...new Set(entries.map(([table]) => table))];
  const roots = await edit.roots();
  const release = await core.commits.run((change) => {
    edit.into(change, roots);
    core.space.reserve.spend(
      change,
      pool,
      moved.map(({ to }) => to),
    );
    return core.space.releases.begin(
      change,
      moved.map(({ from }) => from),
      tables,
    );
  });
  // Everybody has the new place before anybody writes there (rule 8), and before the old one is anybody else's (rule 2).
  const had = agentCounts(core);
  const [several, single] = parted(entries, ([table]) => (had.get(table) ?? 0) > 1);
  await Promise.all([tell(core, edit, several, NOT_YET), tell(core, edit, single, 0)]);
  await tell(core, edit, [...several, ...left.flatMap(holders)], 0);
  return { left: [...failed], release };
}
