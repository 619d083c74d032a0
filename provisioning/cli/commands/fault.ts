import type { Fault } from "@sanlab/controller/api/resources.ts";
import { Option } from "commander";
import { table } from "../output.ts";
import * as parse from "../parse.ts";
import type { Verb } from "../verb.ts";

export const faultVerbs: readonly Verb[] = [
  {
    usage: "add <text...>",
    summary: "Add a fault, as docs/faults.md describes: [on WHICH…] [when …] do WHAT; returns when every agent has it",
    examples: [
      "sanlab fault add on disk=data op=read lba=0..2047 when first 3 do sense medium-error/unrecovered-read-error",
      "sanlab fault add --name slow on agent=a do delay 10ms..200ms",
      "sanlab fault add on agent=b do portal-down",
      "sanlab fault add on device=main-0.img sector=34816..34823 op=read do device-error",
    ],
    options: [new Option("--name <name>", "its name; without it, fault-1 and so on").argParser(parse.name)],
    run: async (context, [words], { name }) => {
      const text = (words as string[]).join(" ");
      const fault = await context.api.post<Fault>("/faults", name === undefined ? { text } : { name, text });
      await context.print(fault, () => `Fault '${fault.name}': ${fault.text}`);
    },
  },
  {
    usage: "list",
    summary: "All faults: state, and how many commands each was for and happened to",
    examples: ["sanlab fault list", "sanlab fault list --json"],
    run: async (context) => {
      const faults = await context.api.get<Fault[]>("/faults");
      await context.print(faults, () => text(faults));
    },
  },
  {
    usage: "clear [name]",
    summary: "Clear a fault, or all without a name; what was stuck goes on",
    examples: ["sanlab fault clear slow", "sanlab fault clear"],
    run: async (context, [name]) => {
      await context.api.delete(name === undefined ? "/faults" : `/faults/${encodeURIComponent(String(name))}`);
      const all = { cleared: name ?? null };
      await context.print(all, () => (name === undefined ? "No faults are left." : `Fault '${name}' is cleared.`));
    },
  },
];

function text(faults: readonly Fault[]): string {
  if (faults.length === 0) return "There are no faults.";
  return table(
    ["FAULT", "STATE", "MATCHED", "FIRED", "TEXT"],
    faults.map(({ name, state, matched, fired, text }) => [name, state, matched, fired, text]),
  );
}
