/** A mapping table as people see it: where each segment lies, in which states, and who holds it. */
import { CHUNK_ENTRIES, EntryState } from "node-iscsi-target/mapping/entry.ts";
import type { MapRow } from "../api/resources.ts";
import type { ControllerCore } from "../core.ts";
import { describe, foundDisk } from "../disks.ts";
import type { Family } from "../families/family.ts";
import { Refusal } from "../user-error.ts";
import { shows, viewsOf } from "../views/record.ts";
import type { Edit } from "./edit.ts";
import { chunkOf } from "./layout.ts";

export interface MapRange {
  readonly first: number;
  readonly count: number;
}

const LETTERS: readonly (readonly [state: number, letters: string])[] = [
  [EntryState.ERROR, "E"],
  [EntryState.INVALID, "Inv"],
  [EntryState.ZERO, "Z"],
  [EntryState.NO_WRITE, "Nw"],
];

/** `all`: also what is plain zero. */
export async function mapOf(
  core: ControllerCore,
  name: string,
  range: Partial<MapRange>,
  all: boolean,
): Promise<MapRow[]> {
  const disk = foundDisk(core, name);
  const { segments } = describe(core, disk);
  const first = range.first ?? 0;
  const count = range.count ?? segments - first;
  if (!(first >= 0 && count > 0 && first + count <= segments)) {
    throw new Refusal("range", `Disk '${name}' has the segments 0 to ${segments - 1}; ask for some of those.`, 400);
  }
  const family = core.families.of(disk.table) as Family;
  const rows: MapRow[] = [];
  // A chunk in each turn: the family's faults do not wait for the whole of a large table.
  for (let chunk = chunkOf(first); chunk <= chunkOf(first + count - 1); chunk += 1) {
    const from = Math.max(first, chunk * CHUNK_ENTRIES);
    const end = Math.min(first + count, (chunk + 1) * CHUNK_ENTRIES);
    rows.push(
      ...(await family.run(async () => {
        const isAbsent = ((await core.tables.root(disk.table))[chunk] ?? 0) === 0;
        return isAbsent && !all ? [] : rowsOf(core, family, disk.table, from, end);
      })),
    );
  }
  return all ? rows : rows.filter(({ state }) => state !== "Z");
}

/** Segments of one chunk. To be run in the family's turn. */
async function rowsOf(
  core: ControllerCore,
  family: Family,
  table: string,
  first: number,
  end: number,
): Promise<MapRow[]> {
  const edit = core.edit(family);
  await edit.load(chunkOf(first));
  const views = viewsOf(core.records, core.families.disk(table)?.name ?? "");
  return Array.from({ length: end - first }, (_, at) => ({
    ...rowOf(core, edit, table, first + at),
    tables: views.flatMap((view) => (shows(view, first + at) ? view.name : [])),
  }));
}

function rowOf(core: ControllerCore, edit: Edit, table: string, segment: number): Omit<MapRow, "tables"> {
  const [word0] = edit.wireEntry(table, segment);
  const state = LETTERS.filter(([bit]) => (word0 & bit) !== 0).map(([, letters]) => letters);
  const location = edit.location(table, segment);
  const holders = [table, ...edit.sharers(table, segment)];
  return {
    segment,
    state: state.join(" "),
    device: (location && core.records.devices.get(String(location.device))?.path) ?? null,
    deviceSegment: location?.segment ?? null,
    holders: holders.flatMap((holder) => core.families.disk(holder)?.name ?? []),
  };
}
