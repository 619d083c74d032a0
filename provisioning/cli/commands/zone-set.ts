import type { Alias, ZoneSet } from "@sanlab/controller/fabric/resources.ts";
import { table } from "../output.ts";
import * as parse from "../parse.ts";
import type { Verb, VerbContext } from "../verb.ts";

/** Of the family `zone`: aliases, and zone sets that are switched as a whole. */
export const zoneSetVerbs: readonly Verb[] = [
  {
    usage: "alias <name> <members...>",
    summary: "Name members for zones, as host:NAME, agent:NAME, disk:NAME or by world-wide name; replaces an alias",
    examples: ["sanlab zone alias cluster host:one host:two", "sanlab zone alias old 30:1a:2b:3c:00:00:00:07"],
    run: async (context, [name, members]) => {
      const alias = { name: parse.name(String(name)), members: members as string[] };
      await context.api.put(`/aliases/${alias.name}`, alias);
      await context.print(alias, () => `Alias '${alias.name}': ${alias.members.join(", ")}`);
    },
  },
  {
    usage: "unalias <name>",
    summary: "Delete an alias that is in no zone",
    examples: ["sanlab zone unalias cluster"],
    run: (context, [name]) => remove(context, "/aliases", "Alias", String(name)),
  },
  {
    usage: "aliases",
    summary: "All aliases",
    examples: ["sanlab zone aliases"],
    run: async (context) => {
      const aliases = await context.api.get<Alias[]>("/aliases");
      await context.print(aliases, () =>
        table(
          ["ALIAS", "MEMBERS"],
          aliases.map(({ name, members }) => [name, members.join(", ")]),
        ),
      );
    },
  },
  {
    usage: "set <name> <zones...>",
    summary: "Make a zone set of zones, or replace it; an active one counts at once",
    examples: ["sanlab zone set normal all", "sanlab zone set maintenance backup,admin"],
    run: async (context, [name, zones]) => {
      const set = { name: parse.name(String(name)), zones: (zones as string[]).flatMap((text) => parse.names(text)) };
      await context.api.put(`/zonesets/${set.name}`, set);
      await context.print(set, () => `Zone set '${set.name}': ${set.zones.join(", ")}`);
    },
  },
  {
    usage: "unset <name>",
    summary: "Delete a zone set that is not active; its zones stay",
    examples: ["sanlab zone unset maintenance"],
    run: (context, [name]) => remove(context, "/zonesets", "Zone set", String(name)),
  },
  {
    usage: "sets",
    summary: "All zone sets, and which one is active",
    examples: ["sanlab zone sets", "sanlab zone sets --json"],
    run: showSets,
  },
  {
    usage: "activate <name>",
    summary: "Switch to a zone set as a whole: its zones count, and no others",
    examples: ["sanlab zone activate maintenance"],
    run: (context, [name]) => activate(context, parse.name(String(name))),
  },
  {
    usage: "deactivate",
    summary: "Switch to no zone set: all zones count",
    examples: ["sanlab zone deactivate"],
    run: (context) => activate(context, null),
  },
];

async function showSets(context: VerbContext): Promise<void> {
  const [sets, { zoneSet }] = await Promise.all([
    context.api.get<ZoneSet[]>("/zonesets"),
    context.api.get<{ zoneSet: string | null }>("/fabric"),
  ]);
  const rows = sets.map(({ name, zones }) => ({ name, zones, active: name === zoneSet }));
  await context.print(rows, () =>
    table(
      ["ZONE SET", "ACTIVE", "ZONES"],
      rows.map(({ name, zones, active }) => [name, active ? "yes" : "no", zones.join(", ")]),
    ),
  );
}

async function activate(context: VerbContext, zoneSet: string | null): Promise<void> {
  await context.api.put("/fabric", { zoneSet });
  await context.print({ zoneSet }, () => (zoneSet === null ? "All zones count." : `Zone set '${zoneSet}' is active.`));
}

async function remove(context: VerbContext, collection: string, what: string, name: string): Promise<void> {
  await context.api.delete(`${collection}/${encodeURIComponent(name)}`);
  await context.print({ deleted: name }, () => `${what} '${name}' is deleted.`);
}
