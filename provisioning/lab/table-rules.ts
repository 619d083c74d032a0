/** Rules about further tables of disks, and how they are written: `tables: { first: [0-511] }`. */
import { problemOfRanges } from "@sanlab/controller/views/ranges.ts";
import type { TableRange } from "@sanlab/controller/views/resources.ts";
import type { Draft, DraftEntry } from "./draft.ts";
import type { Report } from "./rules.ts";
import { unitName } from "./unit-name.ts";

/** "A-B": segments, both ends included. */
export function parseRange(text: string): TableRange | undefined {
  const [, first, last] = /^([0-9]{1,9})-([0-9]{1,9})$/.exec(text) ?? [];
  const count = Number(last) - Number(first) + 1;
  return first === undefined || count < 1 ? undefined : { first: Number(first), count };
}

/** The further tables of a disk, by name, with their ranges as far as they can be read. */
export function tablesOf(disk: DraftEntry): { readonly name: string; readonly ranges: readonly TableRange[] }[] {
  const tables = disk.child("tables");
  return (tables?.keys ?? []).map((name) => ({
    name,
    ranges: (tables?.list(name) ?? []).flatMap(({ value }) => parseRange(value) ?? []),
  }));
}

/** What hosts may be shown: disks, and further tables of them. */
export function unitsOfDraft(draft: Draft): string[] {
  const tables = draft.entries("disks").flatMap((disk) => tablesOf(disk).map(({ name }) => unitName(disk.name, name)));
  return [...draft.names("disks"), ...tables];
}

export function tablesHaveWhatTheirDiskHas(draft: Draft, report: Report): void {
  for (const disk of draft.entries("disks")) {
    const pool = draft.entry("pools", disk.text("pool"));
    const segmentBytes = pool && draft.segmentBytes(pool);
    const sizeBytes = disk.size("size");
    const tables = disk.child("tables");
    if (segmentBytes === undefined || sizeBytes === undefined || tables === undefined) continue;
    for (const { name, ranges } of tablesOf(disk)) {
      const written = tables.list(name);
      if (written.length !== ranges.length) {
        const wrong = written.find(({ value }) => parseRange(value) === undefined);
        if (wrong !== undefined)
          report(wrong.path, `'${wrong.value}'`, "segments as A-B, such as 0-511, the lower first");
        continue;
      }
      const problem = problemOfRanges(ranges, { name: disk.name, sizeBytes, segmentBytes });
      if (problem !== undefined) report([...tables.path, name], `ranges that cannot be (${problem})`, "other ranges");
    }
  }
}
