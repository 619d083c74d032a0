/** The map of used segments equals what is claimed. */
import type { AllRecords } from "../records.ts";
import { USED_PAGE_BYTES, UsedMap } from "../space/used-map.ts";
import type { Store } from "../store/store.ts";
import { locationName } from "../tables/layout.ts";
import type { Claims } from "./claims.ts";
import type { Problem } from "./problem.ts";

export async function usedProblems(store: Store, records: AllRecords, claims: Claims): Promise<Problem[]> {
  const problems: Problem[] = [];
  const used = new UsedMap();
  const pages = new Set<string>();
  const claimed = Map.groupBy(claims.locations(), ({ device }) => device);
  for (const { device, segments } of records.devices.values()) {
    const bits = await used.load(store, device, segments);
    for (const key of used.keys(device)) pages.add(key);
    for (const segment of bits.all()) {
      const location = { device, segment };
      if (claims.has(location)) continue;
      problems.push({
        code: "segment-leaked",
        message: `Segment ${locationName(location)} counts as used, but nobody names it.`,
      });
    }
    for (const location of claimed.get(device) ?? []) {
      if (location.segment >= segments || bits.has(location.segment)) continue;
      problems.push({
        code: "segment-free",
        message: `Segment ${locationName(location)} counts as free, but it is in use.`,
      });
    }
  }
  for (const [key, value] of await store.range("used/")) {
    if (!pages.has(key) || value.length > USED_PAGE_BYTES)
      problems.push({ code: "used-page", message: `${key} is no page of a device of this lab.` });
  }
  return problems;
}
