/**
 * The E state (270), set and cleared in the tables of a family and at their agents. It covers what an
 * entry is and loses nothing of it: cleared, the entry is as it was.
 */
import { CHUNK_ENTRIES, EntryState, SENSE_BITS } from "node-iscsi-target/mapping/entry.ts";
import { deviceOf } from "node-iscsi-target/mapping/mapping-table.ts";
import type { ControllerCore } from "../core.ts";
import type { Edit, Words } from "../tables/edit.ts";
import type { Location } from "../tables/layout.ts";
import { columns } from "./columns.ts";
import type { Family } from "./family.ts";
import { tell } from "./round.ts";
import type { Sense } from "./senses.ts";

/** Which entries. */
export interface Failing {
  /** undefined: all of the family. */
  readonly tables: readonly string[] | undefined;
  /** First and last chunk; undefined: all that the tables have. */
  readonly chunks: readonly [first: number, last: number] | undefined;
  readonly entry: (segment: number, location: Location | undefined) => boolean;
}

/** Each of them may get a root and a chunk of its own by it, all in one transaction. */
const TABLES_AT_ONCE = 24;

type Make = (words: Words) => Words | undefined;

/** With this sense from now on. Resolves when every agent has what has changed, and no I/O goes on there. @returns how many entries that is */
export function setErrors(core: ControllerCore, family: Family, failing: Failing, sense: Sense): Promise<number> {
  const word = (sense.senseKey << 16) | (sense.asc << 8) | sense.ascq;
  return change(core, family, failing, ([word0, word1]) =>
    hasError(word0) && !isLost([word0, word1])
      ? undefined
      : [(word0 | EntryState.ERROR) >>> 0, ((word1 & ~SENSE_BITS) | word) >>> 0],
  );
}

/** What has no E yet has one without a sense: its device is lost. */
export function setLost(core: ControllerCore, family: Family, failing: Failing): Promise<number> {
  return change(core, family, failing, ([word0, word1]) =>
    hasError(word0) ? undefined : [(word0 | EntryState.ERROR) >>> 0, (word1 & ~SENSE_BITS) >>> 0],
  );
}

/** What was set by hand is taken back; where the device is lost it fails through that. */
export function clearErrors(core: ControllerCore, family: Family, failing: Failing): Promise<number> {
  const isAway = (word1: number) => core.records.devices.get(String(deviceOf(word1)))?.removed === true;
  return change(core, family, failing, ([word0, word1]) => {
    if (!hasError(word0)) return undefined;
    if (isAway(word1)) return isLost([word0, word1]) ? undefined : [word0, (word1 & ~SENSE_BITS) >>> 0];
    return cleared([word0, word1]);
  });
}

/** The device is back; what somebody has set by hand stays. */
export function clearLost(core: ControllerCore, family: Family, failing: Failing): Promise<number> {
  return change(core, family, failing, (words) => (isLost(words) ? cleared(words) : undefined));
}

function change(core: ControllerCore, family: Family, failing: Failing, make: Make): Promise<number> {
  return eachChunk(core, family, failing.chunks, (_, chunk) => changeChunk(core, family, chunk, failing, make));
}

/** What was as it is to be already, the controller before may have made so, and have died before every agent knew: resolves when all do. */
export async function everyoneKnows(core: ControllerCore, tables: Iterable<string>): Promise<void> {
  await Promise.all([...tables].map((table) => core.agents.settled(table)));
}

/** A chunk in each turn of the family. @returns the sum of what `work` returns */
export async function eachChunk(
  core: ControllerCore,
  family: Family,
  chunks: Failing["chunks"],
  work: (edit: Edit, chunk: number) => Promise<number>,
): Promise<number> {
  const [first, last] = chunks ?? [0, (await columns(core, family)) - 1];
  let sum = 0;
  for (let chunk = first; chunk <= last; chunk += 1) {
    sum += await family.run(async () => {
      const edit = core.edit(family);
      await edit.load(chunk);
      return work(edit, chunk);
    });
  }
  return sum;
}

async function changeChunk(
  core: ControllerCore,
  family: Family,
  chunk: number,
  failing: Failing,
  make: Make,
): Promise<number> {
  let changed = 0;
  const tables = [...(failing.tables ?? family.tables)];
  for (let first = 0; first < tables.length; first += TABLES_AT_ONCE) {
    // Each transaction begins with what the one before it has made.
    const edit = core.edit(family);
    await edit.load(chunk);
    changed += await changeTables(
      core,
      edit,
      chunk,
      { ...failing, tables: tables.slice(first, first + TABLES_AT_ONCE) },
      make,
    );
  }
  return changed;
}

async function changeTables(
  core: ControllerCore,
  edit: Edit,
  chunk: number,
  failing: Failing & { readonly tables: readonly string[] },
  make: Make,
): Promise<number> {
  const entries: (readonly [table: string, segment: number])[] = [];
  for (const table of failing.tables) {
    for (const segment of segmentsOf(chunk)) {
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

export function* segmentsOf(chunk: number): Generator<number> {
  for (let at = 0; at < CHUNK_ENTRIES; at += 1) yield chunk * CHUNK_ENTRIES + at;
}

function changeEntry(edit: Edit, table: string, segment: number, make: Make): boolean {
  const words = make(edit.entry(table, segment));
  if (words !== undefined) edit.set(table, segment, words);
  return words !== undefined;
}

function hasError(word0: number): boolean {
  return (word0 & EntryState.ERROR) !== 0;
}

function isLost([word0, word1]: Words): boolean {
  return hasError(word0) && (word1 & SENSE_BITS) === 0;
}

function cleared([word0, word1]: Words): Words {
  return [(word0 & ~EntryState.ERROR) >>> 0, (word1 & ~SENSE_BITS) >>> 0];
}
