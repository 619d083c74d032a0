/** Zones, their members and sets: they name what is there. */
import { parseWwn } from "../fabric/wwn.ts";
import type { Findings } from "./problem.ts";
import type { Stored } from "./stored.ts";

/** A set that a repair makes active where nobody knows any more which one was, so that nobody sees more than before. */
const NO_ZONES = "found-none";

/** After agents, hosts and disks. */
export function fabric(stored: Stored, findings: Findings): void {
  aliases(stored, findings);
  zones(stored, findings);
  zoneSets(stored, findings);
  activeSet(stored, findings);
}

function aliases(stored: Stored, findings: Findings): void {
  const { aliases: all } = stored.records;
  const isMember = (name: string) => /^(host|agent|disk):./.test(name) || parseWwn(name) !== undefined;
  for (const alias of all.values()) {
    const members = kept(
      findings,
      `Alias '${alias.name}'`,
      alias.members,
      isMember,
      (name) => `'${name}', which nobody can be`,
    );
    if (members.length < alias.members.length) stored.save(all, alias.name, { ...alias, members });
  }
}

function zones(stored: Stored, findings: Findings): void {
  const { records } = stored;
  const { zones: all } = records;
  for (const zone of all.values()) {
    const of = `Zone '${zone.name}'`;
    const there = (kind: "hosts" | "agents" | "disks") =>
      kept(
        findings,
        of,
        zone[kind],
        (name) => records[kind].has(name),
        (name) => `${kind.slice(0, -1)} '${name}', which is not there`,
      );
    const lists = { hosts: there("hosts"), agents: there("agents"), disks: there("disks") };
    const isMember = (name: string) => records.aliases.has(name) || parseWwn(name) !== undefined;
    const members = kept(findings, of, zone.members ?? [], isMember, (name) => `alias '${name}', which is not there`);
    const isSame =
      (["hosts", "agents", "disks"] as const).every((kind) => lists[kind].length === zone[kind].length) &&
      members.length === (zone.members ?? []).length;
    if (!isSame) stored.save(all, zone.name, { ...zone, ...lists, ...(zone.members && { members }) });
  }
}

function zoneSets(stored: Stored, findings: Findings): void {
  const { zones: all, zoneSets: sets } = stored.records;
  for (const set of sets.values()) {
    const names = kept(
      findings,
      `Zone set '${set.name}'`,
      set.zones,
      (name) => all.has(name),
      (name) => `zone '${name}', which is not there`,
    );
    if (names.length < set.zones.length) stored.save(sets, set.name, { ...set, zones: names });
  }
}

/** Where no set is active, all zones count: so what is not known any more is not taken for that. */
function activeSet(stored: Stored, findings: Findings): void {
  const { fabric: records, zoneSets: sets } = stored.records;
  const record = records.get("fabric");
  const active = record === undefined && sets.values().length > 0 ? NO_ZONES : (record?.zoneSet ?? null);
  if (active === null || (record !== undefined && sets.has(active))) return;
  const says =
    record === undefined
      ? "Which zone set is active is not on record"
      : `The active zone set is '${active}', which is not there`;
  findings.add(
    "fabric",
    `${says}.`,
    `Zone set '${active}' is active, and has no zones, so that hosts see nothing; activate another ('sanlab zone activate'), or none.`,
    true,
  );
  if (!sets.has(active)) stored.save(sets, active, { name: active, zones: [] });
  stored.save(records, "fabric", { ...record, zoneSet: active });
}

/** Those of the names that are right; the others are told. */
function kept(
  findings: Findings,
  of: string,
  names: readonly string[],
  isRight: (name: string) => boolean,
  says: (name: string) => string,
): string[] {
  for (const name of names) if (!isRight(name)) findings.add("zone", `${of} names ${says(name)}.`, "It is taken out.");
  return names.filter(isRight);
}
