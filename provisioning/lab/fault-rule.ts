import { basename } from "node:path";
import { parseFault } from "node-iscsi-target/injection/parse.ts";
import type { Selection } from "node-iscsi-target/injection/rule.ts";
import { FaultTextError } from "node-iscsi-target/injection/words.ts";
import type { Path } from "./document.ts";
import type { Draft } from "./draft.ts";
import type { Report } from "./rules.ts";
import { didYouMean } from "./suggestion.ts";
import { parseUnit } from "./unit-name.ts";

/** The names of a lab, as faults and scenarios use them. */
export interface LabNames {
  readonly disks: readonly string[];
  readonly agents: readonly string[];
  readonly hosts: readonly string[];
  /** Those of the hosts that are started here. */
  readonly guests: readonly string[];
  readonly pools: readonly string[];
  /** The last parts of storage devices' paths. */
  readonly devices: readonly string[];
  readonly faults: readonly string[];
  /** "HOST DISK": who is shown what of it, by whichever table. */
  readonly shown: ReadonlySet<string>;
}

/** Every fault is one by its grammar, and all that it names is in the file. */
export function faultIsOne(draft: Draft, report: Report): void {
  const names = namesOf(draft);
  for (const { path, text } of draft.texts("faults")) checkFaultText(text, path, names, report);
}

/** One fault wherever it stands in a file. */
export function checkFaultText(text: string, path: Path, names: LabNames, report: Report): void {
  try {
    const { on, effect } = parseFault(text);
    for (const { kind, name, known } of namesIn(on, names)) {
      if (!known.includes(name)) report(path, ...unknownName(kind, name, known));
    }
    if (effect.kind === "power-cut") guestsOnly(on, path, names, report);
  } catch (error) {
    if (!(error instanceof FaultTextError)) throw error;
    report(path, `${error.found} at column ${error.column} of the fault`, error.expected);
  }
}

/** What was found, and what was expected, for a name that nothing has. */
export function unknownName(kind: string, name: string, known: readonly string[]): [found: string, expected: string] {
  const list = known.length === 0 ? `a ${kind}, of which there is none` : `one of the ${kind}s ${known.join(", ")}`;
  return [`the unknown ${kind} '${name}'`, `${list}${didYouMean(name, known)}`];
}

export function namesOf(draft: Draft): LabNames {
  const devices = draft.entries("pools").flatMap((pool) => pool.entries("devices"));
  return {
    disks: draft.names("disks"),
    agents: draft.names("agents"),
    hosts: draft.names("hosts"),
    guests: draft.entries("hosts").flatMap((host) => (host.flag("external") ? [] : [host.name])),
    pools: draft.names("pools"),
    devices: devices.map((device) => basename(draft.devicePath(device) ?? "")),
    faults: draft.texts("faults").map(({ name }) => name),
    shown: new Set(
      draft
        .entries("hosts")
        .flatMap((host) => host.list("disks").map(({ value }) => `${host.name} ${parseUnit(value).disk}`)),
    ),
  };
}

function guestsOnly({ host }: Selection, path: Path, { hosts, guests }: LabNames, report: Report): void {
  for (const name of host ?? []) {
    if (guests.includes(name) || !hosts.includes(name)) continue;
    report(path, `the external host '${name}'`, "a guest of the lab: others' power cannot be cut from here");
  }
}

interface Named {
  readonly kind: string;
  readonly name: string;
  readonly known: readonly string[];
}

function namesIn(on: Selection, { disks, agents, hosts, pools, devices }: LabNames): Named[] {
  const named = (kind: string, names: readonly string[] = [], known: readonly string[]) =>
    names.map((name) => ({ kind, name, known }));
  const paths = (on.path ?? []).map((path) => path.split("/"));
  // A device may also be named by the number that it gets only when its pool is made.
  const files = on.device?.filter((name) => !/^[0-9]+$/.test(name));
  return [
    ...named("disk", on.disk, disks),
    ...named("agent", on.agent, agents),
    ...named("host", on.host, hosts),
    ...named("pool", on.pool, pools),
    ...named("device", files, devices),
    ...paths.flatMap(([host = "", agent = ""]) => [
      ...named("host", [host], hosts),
      ...named("agent", [agent], agents),
    ]),
  ];
}
