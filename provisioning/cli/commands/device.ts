import type { Pool } from "@sanlab/controller/api/resources.ts";
import { formatSize } from "../../lab/size.ts";
import { table } from "../output.ts";
import type { Verb } from "../verb.ts";

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
];
