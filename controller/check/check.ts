/**
 * The checker of the persistent tables (rule 9): every reference accounted for, every segment held by
 * tables of one family at one index, what is used equal to what is named, nothing leaked.
 */
import type { CheckReport } from "../api/resources.ts";
import type { AllRecords } from "../records.ts";
import type { Store } from "../store/store.ts";
import { chunkKey } from "../tables/layout.ts";
import { Claims } from "./claims.ts";
import { familyProblems } from "./family.ts";
import type { Problem } from "./problem.ts";
import { usedProblems } from "./used.ts";

export async function check(store: Store, records: AllRecords): Promise<CheckReport> {
  const problems: Problem[] = [];
  const claims = new Claims();
  const families = Map.groupBy(records.disks.values(), ({ family }) => family);
  for (const [family, disks] of families)
    problems.push(...(await familyProblems(store, records, family, disks, claims)));
  for (const { pool, runs } of records.reserves.values())
    problems.push(...claims.runs(runs, `the reserve of pool '${pool}'`));
  for (const { id, runs } of records.releases.values()) problems.push(...claims.runs(runs, `release ${id}`));
  problems.push(...(await usedProblems(store, records, claims)));
  for (const [key] of await store.range("chunk/")) {
    if (!claims.chunks.has(key)) problems.push({ code: "chunk-leaked", message: `${key} belongs to no disk.` });
  }
  const tables = new Set(records.disks.values().map(({ table }) => table));
  for (const { table } of records.usage.values()) {
    if (!tables.has(table))
      problems.push({ code: "usage-leaked", message: `Table ${table} is counted, but no disk has it.` });
  }
  const lab = await store.get(records.lab.key("lab"));
  const last = lab === undefined ? 0 : (JSON.parse(Buffer.from(lab).toString()) as { nextNumber: number }).nextNumber;
  for (const number of claims.numbers) {
    if (number <= last) continue;
    problems.push({ code: "number", message: `${chunkKey(number)} has a number that was never given out.` });
  }
  return { consistent: problems.length === 0, problems };
}
