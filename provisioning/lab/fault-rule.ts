import { basename } from "node:path";
import { parseFault } from "node-iscsi-target/injection/parse.ts";
import type { Selection } from "node-iscsi-target/injection/rule.ts";
import { FaultTextError } from "node-iscsi-target/injection/words.ts";
import type { Path } from "./document.ts";
import type { Draft } from "./draft.ts";
import type { Report } from "./rules.ts";
import { didYouMean } from "./suggestion.ts";

/** Every fault is one by its grammar, and all that it names is in the file. */
export function faultIsOne(draft: Draft, report: Report): void {
  for (const { path, text } of draft.texts("faults")) checkFaultText(text, path, draft, report);
}

/** One fault wherever it stands in a file; `draft` is the lab it is for. */
export function checkFaultText(text: string, path: Path, draft: Draft, report: Report): void {
  try {
    const { on, effect } = parseFault(text);
    for (const { kind, name, known } of namesIn(on, draft)) {
      if (known.includes(name)) continue;
      report(path, `the unknown ${kind} '${name}'`, `${oneOf(kind, known)}${didYouMean(name, known)}`);
    }
    if (effect.kind === "power-cut") guestsOnly(on, path, draft, report);
  } catch (error) {
    if (!(error instanceof FaultTextError)) throw error;
    report(path, `${error.found} at column ${error.column} of the fault`, error.expected);
  }
}

function guestsOnly({ host }: Selection, path: Path, draft: Draft, report: Report): void {
  for (const name of host ?? []) {
    if (draft.entry("hosts", name)?.flag("external") !== true) continue;
    report(path, `the external host '${name}'`, "a guest of the lab: others' power cannot be cut from here");
  }
}

interface Named {
  readonly kind: string;
  readonly name: string;
  readonly known: readonly string[];
}

function namesIn(on: Selection, draft: Draft): Named[] {
  const named = (kind: string, names: readonly string[] = [], known: readonly string[]) =>
    names.map((name) => ({ kind, name, known }));
  const paths = (on.path ?? []).map((path) => path.split("/"));
  // A device may also be named by the number that it gets only when its pool is made.
  const devices = on.device?.filter((name) => !/^[0-9]+$/.test(name));
  return [
    ...named("disk", on.disk, draft.names("disks")),
    ...named("agent", on.agent, draft.names("agents")),
    ...named("host", on.host, draft.names("hosts")),
    ...named("pool", on.pool, draft.names("pools")),
    ...named("device", devices, deviceNames(draft)),
    ...paths.flatMap(([host = "", agent = ""]) => [
      ...named("host", [host], draft.names("hosts")),
      ...named("agent", [agent], draft.names("agents")),
    ]),
  ];
}

function deviceNames(draft: Draft): string[] {
  const devices = draft.entries("pools").flatMap((pool) => pool.entries("devices"));
  return devices.map((device) => basename(draft.devicePath(device) ?? ""));
}

function oneOf(kind: string, known: readonly string[]): string {
  return known.length === 0 ? `a ${kind} (the file has none)` : `one of the file's ${kind}s, ${known.join(", ")}`;
}
