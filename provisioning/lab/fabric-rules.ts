import { parseWwn } from "@sanlab/controller/fabric/wwn.ts";
import type { Path } from "./document.ts";
import type { Draft, DraftEntry } from "./draft.ts";
import { unknownName } from "./fault-rule.ts";
import type { Report } from "./rules.ts";

/** What names of the fabric stand for is in the file, as far as the file can say. */
export function fabricNamesExist(draft: Draft, report: Report): void {
  const aliases = draft.lists("aliases").map(({ name }) => name);
  for (const { items } of draft.lists("aliases")) {
    for (const { value, path } of items) checkMember(draft, value, path, report);
  }
  for (const zone of draft.entries("zones")) {
    for (const { value, path } of zone.list("members")) {
      if (isTyped(value)) checkMember(draft, value, path, report);
      else if (parseWwn(value) === undefined && !aliases.includes(value)) {
        report(path, ...unknownName("alias", value, aliases));
      }
    }
  }
  const zones = draft.names("zones");
  const sets = draft.lists("zoneSets");
  for (const { value, path } of sets.flatMap(({ items }) => items)) {
    if (!zones.includes(value)) report(path, ...unknownName("zone", value, zones));
  }
  const active = draft.activeZoneSet;
  const names = sets.map(({ name }) => name);
  if (active !== undefined && !names.includes(active)) {
    report(["activeZoneSet"], ...unknownName("zone set", active, names));
  }
}

function checkMember(draft: Draft, value: string, path: Path, report: Report): void {
  const [kind = "", name = ""] = value.split(":");
  if (parseWwn(value) !== undefined) return;
  if (!isTyped(value)) return report(path, `'${value}'`, "host:NAME, agent:NAME, disk:NAME, or a world-wide name");
  const known = draft.names(`${kind}s` as "hosts" | "agents" | "disks");
  if (!known.includes(name)) report(path, ...unknownName(kind, name, known));
}

function isTyped(value: string): boolean {
  return /^(host|agent|disk):/.test(value);
}

/** A zone's members of one kind by name, those of its aliases included. */
export function zoneMembers(draft: Draft, zone: DraftEntry, kind: "host" | "agent" | "disk"): string[] {
  return [
    ...zone.list(`${kind}s`).map(({ value }) => value),
    ...written(draft, zone).flatMap((member) => (member.startsWith(`${kind}:`) ? [member.slice(kind.length + 1)] : [])),
  ];
}

/** Whether a zone has members that only the running lab knows. */
export function hasWorldWideNames(draft: Draft): boolean {
  return draft.entries("zones").some((zone) => written(draft, zone).some((member) => parseWwn(member) !== undefined));
}

function written(draft: Draft, zone: DraftEntry): string[] {
  const aliases = draft.lists("aliases");
  return zone.list("members").flatMap(({ value }) => {
    const alias = aliases.find(({ name }) => name === value);
    return alias === undefined ? [value] : alias.items.map((item) => item.value);
  });
}
