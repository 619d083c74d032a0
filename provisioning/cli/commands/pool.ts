import { resolve } from "node:path";
import type { DeviceRequest, Pool } from "@sanlab/controller/api/resources.ts";
import { Option } from "commander";
import { formatSize } from "../../lab/size.ts";
import { facts, table } from "../output.ts";
import * as parse from "../parse.ts";
import type { Verb, VerbContext } from "../verb.ts";

const DEVICES = new Option(
  "--device <path[:size]>",
  "an image file or block device; with a size, an image that is not there is created (repeatable)",
)
  .argParser(parse.device)
  .makeOptionMandatory();
const FORCE = new Option("--force", "take devices although they hold something else");

export const poolVerbs: readonly Verb[] = [
  {
    usage: "create <name>",
    summary: "Make a pool out of devices",
    examples: [
      "sanlab pool create fast --device fast-0.img:4GiB --device fast-1.img:4GiB",
      "sanlab pool create big --device big.img:1TiB --segment 4MiB",
    ],
    options: [
      DEVICES,
      new Option("--segment <size>", "the size of a segment").argParser(parse.size).default(1048576, "1MiB"),
      new Option("--queue <time>", "how long a first write waits while the pool is full, such as 30s")
        .argParser(parse.time)
        .default(0, "it fails at once"),
      FORCE,
    ],
    run: async (context, [name], options) => {
      const { createPoolWithImages } = await import("../../apply/storage-steps.ts");
      const devices = deviceRequests(options);
      const pool = {
        name: parse.name(String(name)),
        segmentBytes: Number(options.segment),
        queueWhenFullMs: Number(options.queue),
        devices,
      };
      const created = await createPoolWithImages(context.state, context.api, pool);
      await context.print(
        created,
        () => `Pool '${created.name}' has ${created.segments} segments of ${formatSize(created.segmentBytes)}.`,
      );
    },
  },
  {
    usage: "list",
    summary: "All pools",
    examples: ["sanlab pool list", "sanlab pool list --json"],
    run: async (context) => {
      const pools = await context.api.get<Pool[]>("/pools");
      await context.print(pools, () =>
        table(
          ["POOL", "SEGMENT", "SEGMENTS", "USED", "DEVICES"],
          pools.map((pool) => [
            pool.name,
            formatSize(pool.segmentBytes),
            pool.segments,
            pool.usedSegments,
            pool.devices.length,
          ]),
        ),
      );
    },
  },
  {
    usage: "show <name>",
    summary: "A pool and its devices",
    examples: ["sanlab pool show main"],
    run: async (context, [name]) => {
      const pool = await context.api.get<Pool>(`/pools/${String(name)}`);
      await context.print(pool, () => poolText(pool));
    },
  },
  {
    usage: "grow <name>",
    summary: "Add devices to a pool; writes that wait for space go on",
    examples: ["sanlab pool grow main --device main-2.img:2GiB"],
    options: [DEVICES, FORCE],
    run: grow,
  },
  {
    usage: "delete <name>",
    summary: "Delete a pool that no disk lies in, with the images that were created for it",
    examples: ["sanlab pool delete fast"],
    run: async (context, [name]) => {
      const { deletePoolAndImages } = await import("../../apply/storage-steps.ts");
      await deletePoolAndImages(context.state, context.api, String(name));
      await context.print({ deleted: name }, () => `Pool '${name}' is deleted.`);
    },
  },
];

async function grow(
  context: VerbContext,
  [name]: readonly unknown[],
  options: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { addDevice } = await import("../../apply/storage-steps.ts");
  for (const device of deviceRequests(options)) await addDevice(context.state, context.api, String(name), device);
  const pool = await context.api.get<Pool>(`/pools/${String(name)}`);
  await context.print(pool, () => poolText(pool));
}

/** Paths on the command line are relative to the working directory. */
function deviceRequests(options: Readonly<Record<string, unknown>>): DeviceRequest[] {
  const devices = options.device as readonly { path: string; sizeBytes?: number }[];
  const force = options.force === true ? { force: true } : {};
  return devices.map((device) => ({ ...device, path: resolve(device.path), ...force }));
}

function poolText(pool: Pool): string {
  const summary = facts([
    ["pool", pool.name],
    ["segment", formatSize(pool.segmentBytes)],
    ["segments", `${pool.usedSegments} of ${pool.segments} used`],
    [
      "when full",
      pool.queueWhenFullMs === 0 ? "a first write fails at once" : `a first write waits ${pool.queueWhenFullMs} ms`,
    ],
  ]);
  const devices = table(
    ["DEVICE", "PATH", "SIZE", "SEGMENTS", "USED", "STATE"],
    pool.devices.map(({ device, path, sizeBytes, segments, usedSegments, state }) => [
      device,
      path,
      formatSize(sizeBytes),
      segments,
      usedSegments,
      state,
    ]),
  );
  return `${summary}\n\n${devices}`;
}
