/** Further tables of disks: views for certain hosts. */
import type { Table, TableRange } from "@sanlab/controller/views/resources.ts";
import { Option } from "commander";
import { formatSize } from "../../lab/size.ts";
import { table } from "../output.ts";
import * as parse from "../parse.ts";
import type { Verb } from "../verb.ts";

export const tableVerbs: readonly Verb[] = [
  {
    usage: "create <disk> <name>",
    summary:
      "Make a further table of a disk: some of its segments, in this order, as a unit of their own for other hosts",
    examples: [
      "sanlab table create data first-half --range 0-511",
      "sanlab table create data ends --range 1000-1023 --range 0-23",
      "sanlab export create web data --table first-half",
    ],
    options: [
      new Option("--range <A-B>", "segments of the disk, both ends included (repeatable; hosts see them in this order)")
        .argParser(ranges)
        .makeOptionMandatory(),
    ],
    run: async (context, [disk, name], { range }) => {
      const request = { name: parse.name(String(name)), ranges: range };
      const made = await context.api.post<Table>(`/disks/${String(disk)}/tables`, request);
      await context.print(tableRow(made), () => text([made]));
    },
  },
  {
    usage: "list [disk]",
    summary: "Further tables, of all disks or of one",
    examples: ["sanlab table list", "sanlab table list data --json"],
    run: async (context, [disk]) => {
      const tables = (await context.api.get<Table[]>("/tables")).filter(
        (one) => disk === undefined || one.disk === disk,
      );
      await context.print(tables.map(tableRow), () => text(tables));
    },
  },
  {
    usage: "delete <disk> <name>",
    summary: "Take a further table away; what its segments hold is the disk's, and stays",
    examples: ["sanlab table delete data first-half"],
    run: async (context, [disk, name]) => {
      await context.api.delete(`/disks/${String(disk)}/tables/${String(name)}`);
      await context.print(
        { disk, deleted: name },
        () => `Table '${String(name)}' of disk '${String(disk)}' is deleted.`,
      );
    },
  },
];

/** As scripts see it: `size` in bytes, ranges as they are written. */
function tableRow({ sizeBytes, ranges: of, ...row }: Table) {
  return { ...row, size: sizeBytes, ranges: of.map(rangeText) };
}

function ranges(text: string, earlier: readonly TableRange[] = []): TableRange[] {
  const { first, last } = parse.range(text);
  return [...earlier, { first, count: last - first + 1 }];
}

function rangeText({ first, count }: TableRange): string {
  return `${first}-${first + count - 1}`;
}

function text(tables: readonly Table[]): string {
  return table(
    ["DISK", "TABLE", "SIZE", "RANGES", "NAA"],
    tables.map(({ disk, name, sizeBytes, ranges: of, naa }) => [
      disk,
      name,
      formatSize(sizeBytes),
      of.map(rangeText).join(", "),
      naa,
    ]),
  );
}
