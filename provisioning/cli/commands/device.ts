import { resolve } from "node:path";
import type { DeviceRequest, Pool } from "@sanlab/controller/api/resources.ts";
import type { DeviceRemoval } from "@sanlab/controller/api/segment-work.ts";
import { Option } from "commander";
import { formatSize } from "../../lab/size.ts";
import { table } from "../output.ts";
import * as parse from "../parse.ts";
import type { Verb } from "../verb.ts";
import { MOVING, operate } from "./operation.ts";

/** Of a disk, on a terminal; all of them with --json. */
const SHOWN_RANGES = 20;

export const deviceVerbs: readonly Verb[] = [
  {
    usage: "list",
    summary: "The devices of all pools",
    examples: ["sanlab device list", "sanlab device list --json"],
    run: async (context) => {
      const devices = (await context.api.get<Pool[]>("/pools")).flatMap((pool) => pool.devices);
      await context.print(devices, () =>
        table(
          ["DEVICE", "POOL", "PATH", "SIZE", "SEGMENTS", "USED", "STATE"],
          devices.map(({ device, pool, path, sizeBytes, segments, usedSegments, state }) => [
            device,
            pool,
            path,
            formatSize(sizeBytes),
            segments,
            usedSegments,
            state,
          ]),
        ),
      );
    },
  },
  {
    usage: "add <pool> <path>",
    summary:
      "Add a device to a pool (PATH, or PATH:SIZE for an image to create); or take back one that was evacuated or removed by force",
    examples: [
      "sanlab device add main main-2.img:2GiB",
      "sanlab device add main /dev/sdc",
      "sanlab device add main main-0.img",
    ],
    options: [new Option("--force", "take it although it holds something else")],
    run: async (context, [pool, path], options) => {
      const [device] = parse.device(String(path)) as [{ path: string; sizeBytes?: number }];
      const request: DeviceRequest = {
        ...device,
        path: resolve(device.path),
        ...(options.force ? { force: true } : {}),
      };
      const known = (await context.api.get<Pool>(`/pools/${String(pool)}`)).devices.find(
        (one) => one.path === request.path,
      );
      if (known !== undefined && known.state !== "online") {
        await context.api.post(`/devices/${known.device}/open`);
      } else {
        const { addDevice } = await import("../../apply/storage-steps.ts");
        await addDevice(context.state, context.api, String(pool), request);
      }
      await context.print({ added: request.path }, () => `${request.path} is a device of pool '${String(pool)}'.`);
    },
  },
  {
    usage: "evacuate <device>",
    summary:
      "Move all that lies on a device to the others of its pool, while hosts use it; DEVICE is its number or its file's name",
    examples: ["sanlab device evacuate main-0.img", "sanlab device evacuate 3 --rate 50MiB --no-wait"],
    options: MOVING,
    run: (context, [device], options) => operate(context, { kind: "evacuate", device: named(device) }, options),
  },
  {
    usage: "remove <device>",
    summary:
      "Take a device that holds nothing out of its pool; by force also another: what lies there fails until it is back",
    examples: [
      "sanlab device remove main-0.img",
      "sanlab device remove main-0.img --force",
      "sanlab device remove main-0.img --lost",
    ],
    options: [
      new Option("--force", "although it holds segments: they fail from now on"),
      new Option("--lost", "although it holds segments: it is away, and will not come back").conflicts("force"),
    ],
    run: async (context, [device], { force, lost }) => {
      const how = lost === true ? "?lost=1" : force === true ? "?force=1" : "";
      const path = `/devices/${encodeURIComponent(named(device))}${how}`;
      const removal = await context.api.delete<DeviceRemoval>(path);
      await context.print({ removed: device, ...removal }, () => removalText(removal));
    },
  },
];

function removalText({ device, state, lost }: DeviceRemoval): string {
  const what = state === "gone" ? "lost" : "failing";
  const lines = lost.map(({ disk, segments, ranges }) => {
    const more = ranges.length > SHOWN_RANGES ? ", …" : "";
    return `${what}: ${segments} of disk '${disk}' (segments ${ranges.slice(0, SHOWN_RANGES).join(", ")}${more})`;
  });
  return [`${device} is taken out.`, ...lines].join("\n");
}

/** A path on the command line is relative to the working directory; a number or a file's name is not one. */
function named(device: unknown): string {
  return String(device).includes("/") ? resolve(String(device)) : String(device);
}
