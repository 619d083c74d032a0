/** What a controller goes by, against what is stored: nobody but it may write its tables. */
import type { AllRecords } from "../records.ts";
import type { Records } from "../store/records.ts";
import type { Problem } from "./problem.ts";
import type { Kind } from "./shapes.ts";

/** Of the tables; others may be saved at any moment. */
const KINDS: readonly Kind[] = ["pools", "devices", "disks", "usage", "reserves", "releases", "copies"];

/** To be called with both as they are between two transactions. */
export function differences(entries: readonly (readonly [string, Uint8Array])[], known: AllRecords): Problem[] {
  const problems: Problem[] = [];
  for (const kind of KINDS) {
    const records = known[kind] as Records<object>;
    const prefix = records.key("");
    const stored = new Map(entries.filter(([key]) => key.startsWith(prefix)));
    const inMemory = new Map(records.entries().map(([name, record]) => records.put(name, record)));
    for (const key of new Set([...stored.keys(), ...inMemory.keys()])) {
      const [theirs, ours] = [stored.get(key), inMemory.get(key)];
      if (theirs !== undefined && ours !== undefined && Buffer.compare(theirs, ours) === 0) continue;
      const message = `The record ${key} was changed beside the controller that runs, which goes by ${ours === undefined ? "none" : "another"}.`;
      problems.push({ code: "memory", message, repair: null, lost: false });
    }
  }
  return problems;
}
