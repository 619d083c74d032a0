/** What lies on a device that is away: whose it is, and giving it up. */
import type { DeviceRemoval } from "../api/segment-work.ts";
import type { ControllerCore } from "../core.ts";
import { eachChunk, segmentsOf } from "../families/errors.ts";
import type { Family } from "../families/family.ts";
import { tell } from "../families/round.ts";
import type { Edit } from "../tables/edit.ts";
import type { Location } from "../tables/layout.ts";

export async function holdersOf(core: ControllerCore, device: number): Promise<DeviceRemoval["lost"]> {
  const held = new Map<string, number[]>();
  for (const family of core.families.all()) {
    await eachChunk(core, family, undefined, async (edit, chunk) => {
      for (const [table, segment] of entriesOn(family, edit, chunk, device)) {
        const segments = held.get(table) ?? [];
        segments.push(segment);
        held.set(table, segments);
      }
      return 0;
    });
  }
  return [...held].flatMap(([table, segments]) => {
    const disk = core.families.disk(table);
    if (disk === undefined || disk.operation === "deleting") return [];
    return [{ disk: disk.name, segments: segments.length, ranges: rangesOf(segments) }];
  });
}

/** No table names the device any more; what lay there keeps E, over zeros. */
export async function loseAll(core: ControllerCore, device: number): Promise<void> {
  for (const family of core.families.all()) {
    await eachChunk(core, family, undefined, (edit, chunk) => loseChunk(core, family, edit, chunk, device));
  }
}

async function loseChunk(
  core: ControllerCore,
  family: Family,
  edit: Edit,
  chunk: number,
  device: number,
): Promise<number> {
  const entries = [...entriesOn(family, edit, chunk, device)];
  if (entries.length === 0) return 0;
  const freed: Location[] = entries.flatMap(([table, segment]) => edit.lose(table, segment) ?? []);
  const roots = await edit.roots();
  await core.commits.run((change) => {
    edit.into(change, roots);
    // On record as everything that nobody names, until the device goes with it; or, where a crash comes first and the
    // device is back after it, until no agent goes by what it had there.
    const tables = [...new Set(entries.map(([table]) => table))];
    core.space.releases.begin(change, freed, tables);
  });
  await tell(core, edit, entries, 0);
  return entries.length;
}

function* entriesOn(family: Family, edit: Edit, chunk: number, device: number): Generator<[string, number]> {
  for (const table of family.tables) {
    for (const segment of segmentsOf(chunk)) {
      if (edit.location(table, segment)?.device === device) yield [table, segment];
    }
  }
}

/** Of numbers in ascending order. */
function rangesOf(segments: readonly number[]): string[] {
  const ranges: [first: number, last: number][] = [];
  for (const segment of segments) {
    const range = ranges.at(-1);
    if (range !== undefined && range[1] + 1 === segment) range[1] = segment;
    else ranges.push([segment, segment]);
  }
  return ranges.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`));
}
