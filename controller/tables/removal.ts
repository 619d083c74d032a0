/** A table that goes away, some chunks in each transaction: a crash leaves a shorter table, whose removal goes on. */
import type { ControllerCore } from "../core.ts";
import { forgetInZones } from "../fabric/changes.ts";
import type { Family } from "../families/family.ts";
import { finishLeftCopies } from "../families/round.ts";
import type { DiskRecord } from "../records.ts";
import type { Change } from "../store/commits.ts";
import { unitId } from "../units/unit.ts";
import { type Location, rootKey } from "./layout.ts";

/** Bounds of one transaction. */
const CHUNKS_AT_ONCE = 64;
const SEGMENTS_AT_ONCE = 8192;

/** No agent has the table any more. Its segments that nobody else holds are free when this resolves. */
export async function removeTable(core: ControllerCore, disk: DiskRecord): Promise<void> {
  const family = core.families.of(disk.table);
  if (family === undefined) return;
  for (let done = false; !done; ) {
    const { release, last } = await family.run(() => step(core, family, disk));
    await core.space.releases.finish(release);
    done = last;
  }
}

async function step(core: ControllerCore, family: Family, disk: DiskRecord) {
  const { table } = disk;
  // Of a round that failed: its record names no table that is gone.
  await finishLeftCopies(core, family);
  const edit = core.edit(family);
  const chunks = [...(await core.tables.root(table)).entries()].flatMap(([chunk, number]) =>
    number === 0 ? [] : [chunk],
  );
  const freed: Location[] = [];
  let removed = 0;
  for (const chunk of chunks.slice(0, CHUNKS_AT_ONCE)) {
    if (freed.length >= SEGMENTS_AT_ONCE) break;
    await edit.load(chunk);
    freed.push(...edit.removeChunk(table, chunk));
    removed += 1;
  }
  const last = removed === chunks.length;
  const roots = await edit.roots();
  const release = await core.commits.run((change) => {
    edit.into(change, roots);
    if (last) forget(core, change, disk);
    return core.space.releases.begin(change, freed);
  });
  return { release, last };
}

function forget(core: ControllerCore, change: Change, disk: DiskRecord): void {
  const { records, tables, families, ahead } = core;
  const { name, table } = disk;
  change.drop(records.units, unitId(disk)).drop(records.usage, table).drop(records.disks, name);
  forgetInZones(records, change, "disks", name);
  ahead.leave(change, disk);
  change.delete(rootKey(table)).learn(() => {
    families.remove(table);
    tables.forget(table);
  });
}
