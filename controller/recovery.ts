/** What a crash left half done is undone at the next start: disks half made or half deleted, segments that no table names. */
import { CHUNK_ENTRIES, EntryState } from "node-iscsi-target/mapping/entry.ts";
import { deviceOf, segmentOf, statesOf } from "node-iscsi-target/mapping/mapping-table.ts";
import type { Location } from "./allocator.ts";
import type { ControllerCore } from "./core.ts";
import { removeDisk } from "./disks.ts";
import { chunkKey } from "./tables/chunks.ts";

export async function recover(core: ControllerCore): Promise<void> {
  const orphans: Location[] = [];
  for (const [key, value] of await core.options.store.range("segment/")) {
    const location = locationOf(key);
    core.allocator.markUsed(location);
    const { chunk, index } = JSON.parse(Buffer.from(value).toString()) as { chunk: number; index: number };
    if (!(await isHeld(core, location, chunk, index))) orphans.push(location);
  }
  await core.space.release(orphans);
}

/** Once agents can be reached, since a disk is taken from all of them before its segments are free. */
export async function undoOperations(core: ControllerCore): Promise<void> {
  for (const disk of core.records.disks.values()) if (disk.operation !== "none") await removeDisk(core, disk);
}

export function locationOf(key: string): Location {
  const [, device, segment] = key.split("/") as [string, string, string];
  return { device: Number.parseInt(device, 16), segment: Number.parseInt(segment, 16) };
}

/** Whether the chunk that a segment's record names does name the segment. */
export async function isHeld(
  core: Pick<ControllerCore, "options">,
  location: Location,
  chunk: number,
  index: number,
): Promise<boolean> {
  const value = await core.options.store.get(chunkKey(chunk));
  if (value === undefined || index >= CHUNK_ENTRIES) return false;
  const entries = new Uint32Array(value.slice().buffer);
  const [word0, word1] = [entries[index * 2] as number, entries[index * 2 + 1] as number];
  return (
    (statesOf(word0) & EntryState.ZERO) === 0 &&
    deviceOf(word1) === location.device &&
    segmentOf(word0) === location.segment
  );
}
