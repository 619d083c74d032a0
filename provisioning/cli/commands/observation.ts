import { Option } from "commander";
import { integer, time } from "../parse.ts";
import type { Verb, VerbContext } from "../verb.ts";

/** Verbs that look at a lab and change nothing. */
export const observationVerbs: readonly Verb[] = [
  {
    usage: "status",
    summary: "What runs: processes, pools, disks, agents, hosts (exit code 3 where nothing does)",
    examples: ["sanlab status", "sanlab status --json"],
    run: async (context) => {
      const { showStatus } = await import("../status.ts");
      return showStatus(context);
    },
  },
  {
    usage: "logs [name]",
    summary:
      "The logs of the supervisor, the controller, an agent or a guest's console; without a name, which there are",
    examples: ["sanlab logs", "sanlab logs controller", "sanlab logs a --lines 200", "sanlab logs web --follow"],
    options: [
      new Option("-n, --lines <count>", "how many of the last lines").argParser(integer).default(50),
      new Option("-f, --follow", "go on with what is written from now on, until Ctrl-C"),
    ],
    run: async (context, [name], options) => {
      const { showLogs } = await import("../logs.ts");
      return showLogs(context, name as string | undefined, options as { lines: number; follow?: boolean });
    },
  },
  {
    usage: "fabric",
    summary: "Every port with its world-wide names and zones, and who is logged in where",
    examples: ["sanlab fabric", "sanlab fabric --json"],
    run: async (context) => {
      const { showFabric } = await import("../fabric.ts");
      return showFabric(context);
    },
  },
  {
    usage: "top",
    summary: "Live rates per disk, agent and path, until Ctrl-C; with --once or --json, once",
    examples: ["sanlab top", "sanlab top --once", "sanlab top --json", "sanlab top --interval 5s"],
    options: [
      new Option("--interval <time>", "between two looks").argParser(time).default(1000, "1s"),
      new Option("--once", "show the rates of one interval and end"),
    ],
    run: async (context, _args, { interval, once }) => {
      const { showTop } = await import("../top.ts");
      return showTop(context, { interval: Number(interval), once: once === true });
    },
  },
  {
    usage: "check",
    summary: "Whether every mapping table is consistent: exit code 0 or 1; on a running lab and on a stopped one",
    examples: ["sanlab check", "sanlab check --json", "sanlab check --repair"],
    options: [
      new Option(
        "--repair",
        "mend what can be mended, and say what is lost: the tables of a stopped lab, the agents' copies of a running one",
      ),
    ],
    run: async (context: VerbContext, _: readonly unknown[], options: Readonly<Record<string, unknown>>) => {
      const { showCheck } = await import("../check.ts");
      return showCheck(context, { repair: options.repair === true });
    },
  },
];
