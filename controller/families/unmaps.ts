/** Segments that a host gives back: revoked everywhere and drained; committed as zero; punched and free where nobody else holds them. */
import { EntryState } from "node-iscsi-target/mapping/entry.ts";
import type { Unmap } from "node-iscsi-target/mapping/protocol.ts";
import type { ControllerCore } from "../core.ts";
import type { Edit } from "../tables/edit.ts";
import { chunkOf, type Location } from "../tables/layout.ts";
import type { Family } from "./family.ts";
import type { Asked } from "./faults.ts";
import { revoke } from "./grants.ts";

/** Each of another chunk, perhaps, and of another table, in one transaction. */
const RANGES_AT_ONCE = 24;

export async function unmapAll(core: ControllerCore, family: Family, asked: readonly Asked<Unmap>[]): Promise<void> {
  const before = core.edit(family);
  for (const { message } of asked) await before.loadSegments(message.first, message.count);
  const valid = asked.filter(({ message }) => isCurrent(core, message) && !isFailing(before, message));
  for (let first = 0; first < valid.length; first += RANGES_AT_ONCE) {
    await unmapRanges(
      core,
      family,
      valid.slice(first, first + RANGES_AT_ONCE).map(({ message }) => message),
    );
  }
  const edit = core.edit(family);
  for (const { session, message } of asked.filter((one) => !valid.includes(one))) {
    const { table, first } = message;
    const chunk = chunkOf(first);
    await edit.load(chunk);
    // It may have every entry as it is now and not know that: the chunk tells it how new its entries are.
    const generation = core.tables.generationOf(table, chunk);
    void session.deliver({ type: "chunk", table, chunk, generation }, edit.wire(table, chunk));
  }
  for (const one of asked) {
    const { table, request } = one.message;
    const outcome = valid.includes(one) ? "done" : "stale";
    void one.session.deliver({ type: "unmap_response", table, request, outcome });
  }
}

/** Void if an entry has changed since the agent looked. */
function isCurrent(core: ControllerCore, { table, generation, first }: Unmap): boolean {
  return generation >= core.tables.generationOf(table, chunkOf(first));
}

/** What fails (E, 270) is not given back, and an agent may not have heard of all of it yet: of one change it is told by several messages. */
function isFailing(edit: Edit, { table, first, count }: Unmap): boolean {
  for (let segment = first; segment < first + count; segment += 1)
    if ((edit.entry(table, segment)[0] & EntryState.ERROR) !== 0) return true;
  return false;
}

/** To be run in the family's turn. */
export async function unmapRanges(
  core: ControllerCore,
  family: Family,
  ranges: readonly { readonly table: string; readonly first: number; readonly count: number }[],
): Promise<void> {
  if (ranges.length === 0) return;
  await Promise.all(ranges.map(({ table, first, count }) => revoke(core, table, first, count)));
  const edit = core.edit(family);
  const freed: Location[] = [];
  for (const { table, first, count } of ranges) {
    await edit.loadSegments(first, count);
    for (let segment = first; segment < first + count; segment += 1) {
      const location = edit.unmap(table, segment);
      if (location !== undefined) freed.push(location);
    }
  }
  const roots = await edit.roots();
  const release = await core.commits.run((change) => {
    edit.into(change, roots);
    return core.space.releases.begin(change, freed);
  });
  await core.space.releases.finish(release);
}
