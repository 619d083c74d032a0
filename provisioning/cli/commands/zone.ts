import type { Zone } from "@sanlab/controller/api/resources.ts";
import { Option } from "commander";
import { table } from "../output.ts";
import * as parse from "../parse.ts";
import type { Verb } from "../verb.ts";

export const zoneVerbs: readonly Verb[] = [
  {
    usage: "create <name>",
    summary: "Let hosts, agents and disks see each other",
    examples: [
      "sanlab zone create all --host web --agent a --agent b --disk data",
      "sanlab zone create all --host web,db --agent a --disk data",
    ],
    options: [
      new Option("--host <name>", "a host (repeatable)").argParser(parse.names).default([], "none"),
      new Option("--agent <name>", "an agent (repeatable)").argParser(parse.names).default([], "none"),
      new Option("--disk <name>", "a disk (repeatable)").argParser(parse.names).default([], "none"),
      new Option("--member <name>", "an alias or a world-wide name (repeatable)").argParser(texts).default([], "none"),
    ],
    run: async (context, [name], { host, agent, disk, member }) => {
      const zone = await context.api.post<Zone>("/zones", {
        name: parse.name(String(name)),
        hosts: host,
        agents: agent,
        disks: disk,
        members: member,
      });
      await context.print(zone, () => text([zone]));
    },
  },
  {
    usage: "list",
    summary: "All zones",
    examples: ["sanlab zone list", "sanlab zone list --json"],
    run: async (context) => {
      const zones = await context.api.get<Zone[]>("/zones");
      await context.print(zones, () => text(zones));
    },
  },
  {
    usage: "delete <name>",
    summary: "Delete a zone: its members see each other no more, unless another zone has them",
    examples: ["sanlab zone delete all"],
    run: async (context, [name]) => {
      await context.api.delete(`/zones/${String(name)}`);
      await context.print({ deleted: name }, () => `Zone '${name}' is deleted.`);
    },
  },
];

function texts(text: string, earlier: readonly string[] = []): string[] {
  return [...earlier, ...text.split(",")];
}

function text(zones: readonly Zone[]): string {
  const list = (names: readonly string[]) => (names.length === 0 ? "-" : names.join(", "));
  return table(
    ["ZONE", "HOSTS", "AGENTS", "DISKS", "MEMBERS"],
    zones.map(({ name, hosts, agents, disks, members }) => [
      name,
      list(hosts),
      list(agents),
      list(disks),
      list(members ?? []),
    ]),
  );
}
