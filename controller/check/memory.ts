/** What a controller goes by, against what is stored: nobody but it may write its tables. */
import { isDeepStrictEqual } from "node:util";
import type { AllRecords } from "../records.ts";
import type { Records } from "../store/records.ts";
import type { StoreView } from "../store/store.ts";
import type { Problem } from "./problem.ts";
import type { Kind } from "./record-shapes.ts";
import { parsedJson } from "./shapes.ts";

/** Of the tables, and what administrators change, of whom a check is one; others may be saved at any moment. */
const KINDS: readonly Kind[] = [
  "pools",
  "devices",
  "unsynced",
  "disks",
  "views",
  "usage",
  "reserves",
  "releases",
  "copies",
  "hosts",
  "exports",
  "wwns",
  "zones",
  "aliases",
  "zoneSets",
  "fabric",
];

/** Records as they must be stored, by the prefix of their keys. */
export type Known = ReadonlyMap<string, ReadonlyMap<string, Uint8Array>>;

/** To be called between two transactions, with the view that is compared. */
export function storedAs(known: AllRecords): Known {
  const kinds = KINDS.map((kind) => known[kind] as Records<object>);
  return new Map(
    kinds.map((records) => [
      records.key(""),
      new Map(records.entries().map(([name, record]) => records.put(name, record))),
    ]),
  );
}

export async function differences(view: StoreView, known: Known): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const [prefix, inMemory] of known) {
    const stored = new Map(await view.range(prefix));
    for (const key of new Set([...stored.keys(), ...inMemory.keys()])) {
      const [theirs, ours] = [stored.get(key), inMemory.get(key)];
      if (theirs !== undefined && ours !== undefined && saysSame(theirs, ours)) continue;
      const message = `The record ${key} was changed beside the controller that runs, which goes by ${ours === undefined ? "none" : "another"}.`;
      problems.push({ code: "memory", message, repair: null, lost: false });
    }
  }
  return problems;
}

/** However it is written: somebody may have put it there before the controller began. */
function saysSame(theirs: Uint8Array, ours: Uint8Array): boolean {
  if (Buffer.compare(theirs, ours) === 0) return true;
  const [a, b] = [parsedJson(theirs), parsedJson(ours)];
  return a !== undefined && isDeepStrictEqual(a, b);
}
