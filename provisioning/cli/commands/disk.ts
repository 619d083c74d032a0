import type { Disk, MapRow } from "@sanlab/controller/api/resources.ts";
import { Option } from "commander";
import { formatSize } from "../../lab/size.ts";
import { UserError } from "../../user-error.ts";
import { facts, table } from "../output.ts";
import * as parse from "../parse.ts";
import type { Verb, VerbContext } from "../verb.ts";

const SIZE = new Option("--size <size>", "its capacity, such as 10GiB").argParser(parse.size).makeOptionMandatory();

export const diskVerbs: readonly Verb[] = [
  {
    usage: "create <name>",
    summary: "Make a virtual disk in a pool: thin, taking space only where it is written, or thick",
    examples: [
      "sanlab disk create data --size 10GiB --pool main",
      "sanlab disk create db --size 1GiB --pool main --thick",
    ],
    options: [
      SIZE,
      new Option("--pool <pool>", "the pool it lies in").makeOptionMandatory(),
      new Option("--thick", "take all its space now"),
    ],
    run: async (context, [name], { size, pool, thick }) => {
      const request = { name: parse.name(String(name)), sizeBytes: size, pool, thick: thick === true };
      const disk = await context.api.post<Disk>("/disks", request);
      await context.print(diskRow(disk), () => `Disk '${disk.name}' of ${formatSize(disk.sizeBytes)} is there.`);
    },
  },
  {
    usage: "list",
    summary: "All disks",
    examples: ["sanlab disk list", "sanlab disk list --json"],
    run: async (context) => {
      const disks = await context.api.get<Disk[]>("/disks");
      await context.print(disks.map(diskRow), () =>
        table(
          ["DISK", "SIZE", "POOL", "MAPPED", "OWN", "SHARED", "SEGMENTS", "KIND", "OF"],
          disks.map((disk) => [
            disk.name,
            formatSize(disk.sizeBytes),
            disk.pool,
            disk.mappedSegments,
            disk.ownSegments,
            disk.sharedSegments,
            disk.segments,
            kindOf(disk),
            disk.origin ?? "-",
          ]),
        ),
      );
    },
  },
  {
    usage: "show <name>",
    summary: "A disk with its identity and its space",
    examples: ["sanlab disk show data"],
    run: async (context, [name]) => {
      const disk = await context.api.get<Disk>(`/disks/${String(name)}`);
      await context.print(diskRow(disk), () => diskText(disk));
    },
  },
  {
    usage: "resize <name>",
    summary: "Grow a disk; its hosts are told, and guests that run see the new size when it returns",
    examples: ["sanlab disk resize data --size 20GiB"],
    options: [SIZE],
    run: async (context, [name], { size }) => {
      const disk = await context.api.patch<Disk>(`/disks/${String(name)}`, { sizeBytes: size });
      const { settleDiskWith } = await import("../../apply/visibility.ts");
      await settleDiskWith(context, disk.name);
      await context.print(diskRow(disk), () => `Disk '${disk.name}' has ${formatSize(disk.sizeBytes)} now.`);
    },
  },
  {
    usage: "delete <name>",
    summary: "Delete a disk that no host is shown, with all its data",
    examples: ["sanlab disk delete scratch"],
    run: async (context, [name]) => {
      await context.api.delete(`/disks/${String(name)}`);
      await context.print({ deleted: name }, () => `Disk '${name}' is deleted.`);
    },
  },
  {
    usage: "map <name>",
    summary: "The mapping table: where each segment lies, its states, and who holds it",
    examples: ["sanlab disk map data", "sanlab disk map data --range 0-15", "sanlab disk map data --all --json"],
    options: [
      new Option("--range <first-last>", "only these segments").argParser(parse.range),
      new Option("--all", "also the segments that are plain zeros"),
    ],
    run: map,
  },
];

/** A disk as scripts see it: `size` in bytes. */
export function diskRow({ sizeBytes, ...disk }: Disk) {
  return { ...disk, size: sizeBytes };
}

async function map(
  context: VerbContext,
  [name]: readonly unknown[],
  options: Readonly<Record<string, unknown>>,
): Promise<void> {
  const range = options.range as { first: number; last: number } | undefined;
  const disk = await context.api.get<Disk>(`/disks/${String(name)}`);
  if (range !== undefined && range.last >= disk.segments) {
    throw new UserError(
      "REFUSED",
      `Disk '${disk.name}' has the segments 0 to ${disk.segments - 1}, and ${range.last} was asked for.`,
    );
  }
  const query = new URLSearchParams(options.all === true ? { all: "1" } : {});
  if (range !== undefined) {
    query.set("first", String(range.first));
    query.set("count", String(range.last - range.first + 1));
  }
  const rows = await context.api.get<MapRow[]>(`/disks/${disk.name}/map?${query}`);
  await context.print(rows, () => mapText(disk, rows));
}

function mapText(disk: Disk, rows: readonly MapRow[]): string {
  const summary = `${disk.mappedSegments} of ${disk.segments} segments of disk '${disk.name}' are mapped; the others read as zeros.`;
  if (rows.length === 0) return summary;
  const hasTables = rows.some(({ tables }) => tables.length > 0);
  const lines = rows.map(({ segment, state, device, deviceSegment, holders, tables }) => [
    segment,
    state === "" ? "-" : state,
    device ?? "-",
    deviceSegment ?? "-",
    holders.join(", "),
    ...(hasTables ? [tables.join(", ")] : []),
  ]);
  const heads = ["SEGMENT", "STATE", "DEVICE", "AT", "HOLDERS", ...(hasTables ? ["TABLES"] : [])];
  return `${table(heads, lines)}\n\n${summary}`;
}

function kindOf({ kind, thick, readOnly }: Disk): string {
  const what = kind === "disk" ? (thick ? "thick" : "thin") : kind;
  return readOnly ? `${what}, read-only` : what;
}

function diskText(disk: Disk): string {
  return facts([
    ["disk", disk.name],
    ["size", formatSize(disk.sizeBytes)],
    ["pool", disk.pool],
    ["kind", kindOf(disk)],
    ...(disk.origin === null ? [] : ([["made of", disk.origin]] as const)),
    ["created", disk.createdAt],
    ["table", disk.table],
    ["NAA", disk.naa],
    ["serial", disk.serial],
    [
      "mapped",
      `${disk.mappedSegments} of ${disk.segments} segments (${disk.ownSegments} own, ${disk.sharedSegments} shared)`,
    ],
    ["freed if deleted", `${disk.ownSegments} segments`],
  ]);
}
