/**
 * The E state (270), set and cleared in the tables of a family and at their agents. It covers what an
 * entry is and loses nothing of it: cleared, the entry is as it was.
 */
import { CHUNK_ENTRIES, EntryState } from "node-iscsi-target/mapping/entry.ts";
import { senseOf } from "node-iscsi-target/mapping/mapping-table.ts";
import type { ControllerCore } from "../core.ts";
import type { Edit, Words } from "../tables/edit.ts";
import type { Location } from "../tables/layout.ts";
import { columns } from "./columns.ts";
import type { Family } from "./family.ts";
import { tell } from "./round.ts";
import type { Sense } from "./senses.ts";

const SENSE_BITS = 0x000f_ffff;

/** Which entries. */
export interface Failing {
  /** undefined: all of the family. */
  readonly tables: readonly string[] | undefined;
  /** First and last chunk; undefined: all that the tables have. */
  readonly chunks: readonly [first: number, last: number] | undefined;
  readonly entry: (segment: number, location: Location | undefined) => boolean;
}

/** Resolves when every agent has it, and no I/O goes on there. @returns how many entries have changed */
export function setErrors(core: ControllerCore, family: Family, failing: Failing, sense: Sense): Promise<number> {
  const word = (sense.senseKey << 16) | (sense.asc << 8) | sense.ascq;
  return change(core, family, failing, ([word0, word1]) =>
    hasError(word0) ? undefined : [(word0 | EntryState.ERROR) >>> 0, ((word1 & ~SENSE_BITS) | word) >>> 0],
  );
}

/** `only`: those that fail with this sense. */
export function clearErrors(core: ControllerCore, family: Family, failing: Failing, only?: Sense): Promise<number> {
  return change(core, family, failing, ([word0, word1]) => {
    if (!hasError(word0) || (only !== undefined && !isSame(senseOf(word1), only))) return undefined;
    return [(word0 & ~EntryState.ERROR) >>> 0, (word1 & ~SENSE_BITS) >>> 0];
  });
}

type Make = (words: Words) => Words | undefined;

/** A chunk in each turn and each transaction. */
async function change(core: ControllerCore, family: Family, failing: Failing, make: Make): Promise<number> {
  const [first, last] = failing.chunks ?? [0, (await columns(core, family)) - 1];
  let changed = 0;
  for (let chunk = first; chunk <= last; chunk += 1) {
    changed += await family.run(() => changeChunk(core, family, chunk, failing, make));
  }
  return changed;
}

async function changeChunk(
  core: ControllerCore,
  family: Family,
  chunk: number,
  failing: Failing,
  make: Make,
): Promise<number> {
  const edit = core.edit(family);
  await edit.load(chunk);
  const entries: (readonly [table: string, segment: number])[] = [];
  for (const table of failing.tables ?? family.tables) {
    for (let segment = chunk * CHUNK_ENTRIES; segment < (chunk + 1) * CHUNK_ENTRIES; segment += 1) {
      if (failing.entry(segment, edit.location(table, segment)) && changeEntry(edit, table, segment, make)) {
        entries.push([table, segment]);
      }
    }
  }
  if (entries.length === 0) return 0;
  const roots = await edit.roots();
  await core.commits.run((transaction) => edit.into(transaction, roots));
  await tell(core, edit, entries, 0);
  return entries.length;
}

function changeEntry(edit: Edit, table: string, segment: number, make: Make): boolean {
  const words = make(edit.entry(table, segment));
  if (words !== undefined) edit.set(table, segment, words);
  return words !== undefined;
}

function hasError(word0: number): boolean {
  return (word0 & EntryState.ERROR) !== 0;
}

function isSame(a: Sense, b: Sense): boolean {
  return a.senseKey === b.senseKey && a.asc === b.asc && a.ascq === b.ascq;
}
