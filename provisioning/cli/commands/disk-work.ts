import type { Pool } from "@sanlab/controller/api/resources.ts";
import { Option } from "commander";
import * as parse from "../parse.ts";
import type { Verb, VerbContext } from "../verb.ts";
import { MOVING, operate } from "./operation.ts";

const RANGE = new Option("--range <first-last>", "these segments").argParser(parse.range).makeOptionMandatory();

/** Verbs of the family `disk` that move segments, and make them fail. */
export const diskWorkVerbs: readonly Verb[] = [
  {
    usage: "migrate <disk>",
    summary:
      "Move a disk, with all that it shares segments with, to another pool of the same segment size, while hosts use it",
    examples: ["sanlab disk migrate data --pool fast", "sanlab disk migrate data --pool fast --rate 50MiB --no-wait"],
    options: [new Option("--pool <pool>", "the pool it is to lie in").makeOptionMandatory(), ...MOVING],
    run: (context, [disk], options) =>
      operate(context, { kind: "migrate", disk: String(disk), pool: String(options.pool) }, options),
  },
  {
    usage: "rebalance",
    summary: "Spread the segments of a pool over its devices, to each by its size",
    examples: ["sanlab disk rebalance", "sanlab disk rebalance --pool main --rate 50MiB"],
    options: [new Option("--pool <pool>", "only this pool; all that have several devices otherwise"), ...MOVING],
    run: async (context, _, options) => {
      let worst = 0;
      for (const pool of await poolsOf(context, options.pool)) {
        worst = Math.max(worst, await operate(context, { kind: "rebalance", pool }, options));
      }
      return worst;
    },
  },
  {
    usage: "set-error <disk>",
    summary: "Make segments of a disk fail for its hosts, whatever they hold; nothing of it is lost",
    examples: ["sanlab disk set-error data --range 0-3", "sanlab disk set-error data --range 7-7 --sense 4/44/00"],
    options: [
      RANGE,
      new Option(
        "--sense <key/asc/ascq>",
        "in hexadecimal; 3/11/00, an unrecovered read error, unless told otherwise",
      ).argParser(parse.sense),
    ],
    run: async (context, [disk], options) => {
      const { first, last } = options.range as { first: number; last: number };
      const sense = options.sense === undefined ? {} : { sense: options.sense };
      const body = { first, count: last - first + 1, ...sense };
      const { changed } = await context.api.post<{ changed: number }>(`/disks/${String(disk)}/errors`, body);
      await context.print({ changed }, () => `${changed} segments of disk '${String(disk)}' fail now.`);
    },
  },
  {
    usage: "clear-error <disk>",
    summary: "Make segments that fail what they were before",
    examples: ["sanlab disk clear-error data --range 0-3"],
    options: [RANGE],
    run: async (context, [disk], options) => {
      const { first, last } = options.range as { first: number; last: number };
      await context.api.delete(`/disks/${String(disk)}/errors?first=${first}&count=${last - first + 1}`);
      await context.print(
        { cleared: disk },
        () => `The segments ${first} to ${last} of disk '${String(disk)}' are as they were.`,
      );
    },
  },
];

async function poolsOf(context: VerbContext, named: unknown): Promise<string[]> {
  if (named !== undefined) return [String(named)];
  const pools = await context.api.get<Pool[]>("/pools");
  return pools.filter(({ devices }) => devices.length > 1).map(({ name }) => name);
}
