import type { Path } from "./document.ts";
import type { Draft, DraftEntry, Section } from "./draft.ts";
import { hasWorldWideNames, zoneMembers } from "./fabric-rules.ts";
import type { Report, Rule } from "./rules.ts";
import { didYouMean } from "./suggestion.ts";
import { unitsOfDraft } from "./table-rules.ts";
import { parseUnit } from "./unit-name.ts";

/** Rules about what refers to what, and who sees whom. */
export const REFERENCE_RULES: readonly Rule[] = [namesExist, hostIsInAZone, exportHasAPath, guestReachesItsAgents];

/** Where names of which section stand. */
const REFERENCES: readonly { section: Section; key: string; target: Section; what: string; isList: boolean }[] = [
  { section: "disks", key: "pool", target: "pools", what: "pool", isList: false },
  { section: "zones", key: "hosts", target: "hosts", what: "host", isList: true },
  { section: "zones", key: "agents", target: "agents", what: "agent", isList: true },
  { section: "zones", key: "disks", target: "disks", what: "disk", isList: true },
];

function namesExist(draft: Draft, report: Report): void {
  for (const { section, key, target, what, isList } of REFERENCES) {
    const known = { what, target, names: draft.names(target) };
    for (const entry of draft.entries(section))
      refuseUnknown(isList ? entry.list(key) : single(entry, key), known, report);
  }
  const units = unitsOfDraft(draft);
  for (const host of draft.entries("hosts")) {
    const [tables, disks] = [host.list("disks").filter(isTable), host.list("disks").filter((one) => !isTable(one))];
    refuseUnknown(disks, { what: "disk", target: "disks", names: draft.names("disks") }, report);
    const names = units.filter((name) => name.includes("/"));
    refuseUnknown(tables, { what: "table", target: "tables of disks", names }, report);
  }
}

function isTable({ value }: { readonly value: string }): boolean {
  return value.includes("/");
}

function refuseUnknown(
  references: readonly { readonly value: string; readonly path: Path }[],
  { what, target, names }: { readonly what: string; readonly target: string; readonly names: readonly string[] },
  report: Report,
): void {
  for (const { value, path } of references) {
    if (names.includes(value)) continue;
    const list =
      names.length === 0 ? `a ${what} (the file has none)` : `one of the file's ${target}, ${names.join(", ")}`;
    report(path, `the unknown ${what} '${value}'`, `${list}${didYouMean(value, names)}`);
  }
}

function hostIsInAZone(draft: Draft, report: Report): void {
  if (hasWorldWideNames(draft)) return;
  for (const host of draft.entries("hosts")) {
    if (zonesOf(draft, host.name).length > 0) continue;
    report(
      host.path,
      `host '${host.name}' in no zone`,
      "every host in a zone, since a host outside the zones sees nothing",
    );
  }
}

function exportHasAPath(draft: Draft, report: Report): void {
  if (hasWorldWideNames(draft)) return;
  for (const host of draft.entries("hosts")) {
    const zones = zonesOf(draft, host.name);
    if (zones.length === 0) continue;
    for (const { value, path } of host.list("disks")) {
      const { disk } = parseUnit(value);
      if (!draft.names("disks").includes(disk)) continue;
      const showing = zones.filter((zone) => zoneMembers(draft, zone, "disk").includes(disk));
      if (showing.some((zone) => zoneMembers(draft, zone, "agent").length > 0)) continue;
      const found =
        showing.length === 0 ? `'${disk}', which no zone of the host has` : `'${disk}', in no zone with an agent`;
      report(path, found, `a zone that has host '${host.name}', disk '${disk}' and an agent`);
    }
  }
}

/** On user networking the one loopback address that a guest reaches is 127.0.0.1 (as 10.0.2.2). */
function guestReachesItsAgents(draft: Draft, report: Report): void {
  for (const agent of draft.entries("agents")) {
    const portal = draft.portal(agent);
    if (portal === undefined) continue;
    const isReached = portal.host === "127.0.0.1" || !/^(127\.|::1$)/.test(portal.host);
    const guest = isReached ? undefined : guestsOf(draft, agent.name)[0];
    if (guest === undefined) continue;
    const found = `'${agent.text("portal")}', which guest '${guest.name}' cannot reach`;
    report([...agent.path, "portal"], found, "127.0.0.1 or an address of this machine that is no loopback address");
  }
}

function guestsOf(draft: Draft, agent: string): DraftEntry[] {
  const zones = draft.entries("zones").filter((zone) => zoneMembers(draft, zone, "agent").includes(agent));
  const names = zones.flatMap((zone) => zoneMembers(draft, zone, "host"));
  const guests = draft.entries("hosts").filter((host) => !host.flag("external") && host.text("initiator") !== "qemu");
  return guests.filter((host) => names.includes(host.name));
}

function zonesOf(draft: Draft, host: string): DraftEntry[] {
  return draft.entries("zones").filter((zone) => zoneMembers(draft, zone, "host").includes(host));
}

function single(entry: DraftEntry, key: string): readonly { value: string; path: Path }[] {
  const value = entry.text(key);
  return value === undefined ? [] : [{ value, path: [...entry.path, key] }];
}
