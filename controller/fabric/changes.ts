/** Changes of aliases and zone sets. What they change of the zones that count comes into force as a whole (`switchZones`). */
import type { ControllerCore } from "../core.ts";
import type { AllRecords } from "../records.ts";
import type { Change } from "../store/commits.ts";
import { notFound, Refusal } from "../user-error.ts";
import type { Alias, ZoneSet } from "./resources.ts";
import { switchZones } from "./switch.ts";
import { parseWwn } from "./wwn.ts";
import { memberOf } from "./zoning.ts";

export async function putAlias(core: ControllerCore, { name, members }: Alias, fresh: boolean): Promise<Alias> {
  const { aliases } = core.records;
  if (fresh && aliases.has(name))
    throw new Refusal("exists", `There is an alias '${name}' already; choose another name.`);
  for (const member of members) {
    // Of a world-wide name nobody needs to be there yet.
    if (parseWwn(member) !== undefined || memberOf(core.records, member) !== undefined) continue;
    const expected = "a world-wide name, or host:, agent: or disk: and the name of one that is there";
    throw new Refusal("member", `'${member}' can be no member of alias '${name}'; give ${expected}.`, 400);
  }
  const alias = { name, members: members.map((member) => parseWwn(member) ?? member) };
  await switchZones(core, { put: aliases.put(name, alias), learn: () => aliases.learn(name, alias) });
  return alias;
}

export async function removeAlias(core: ControllerCore, name: string): Promise<void> {
  if (!core.records.aliases.has(name)) throw notFound("alias", name);
  const zone = core.records.zones.values().find(({ members }) => members?.includes(name));
  if (zone !== undefined)
    throw new Refusal("in-use", `Alias '${name}' is a member of zone '${zone.name}'; take it out of the zone first.`);
  await core.records.aliases.remove(core.options.store, name);
  await core.agents.reconcile();
}

export async function putZoneSet(core: ControllerCore, { name, zones }: ZoneSet, fresh: boolean): Promise<ZoneSet> {
  const { zoneSets } = core.records;
  if (fresh && zoneSets.has(name))
    throw new Refusal("exists", `There is a zone set '${name}' already; choose another name.`);
  const unknown = zones.find((zone) => !core.records.zones.has(zone));
  if (unknown !== undefined) throw notFound("zone", unknown);
  const set = { name, zones };
  await switchZones(core, { put: zoneSets.put(name, set), learn: () => zoneSets.learn(name, set) });
  return set;
}

export async function removeZoneSet(core: ControllerCore, name: string): Promise<void> {
  if (!core.records.zoneSets.has(name)) throw notFound("zone set", name);
  if (core.records.fabric.get("fabric")?.zoneSet === name)
    throw new Refusal("in-use", `Zone set '${name}' is the active one; activate another, or none, first.`);
  await core.records.zoneSets.remove(core.options.store, name);
}

/** Null: no set is active, and all zones count. */
export async function activate(core: ControllerCore, zoneSet: string | null): Promise<{ zoneSet: string | null }> {
  if (zoneSet !== null && !core.records.zoneSets.has(zoneSet)) throw notFound("zone set", zoneSet);
  await switchZones(core, { zoneSet });
  return { zoneSet };
}

/** A zone that is gone is in no set. */
export async function forgetInZoneSets(core: ControllerCore, zone: string): Promise<void> {
  for (const set of core.records.zoneSets.values()) {
    if (!set.zones.includes(zone)) continue;
    const zones = set.zones.filter((name) => name !== zone);
    await core.records.zoneSets.save(core.options.store, set.name, { ...set, zones });
  }
}

/** What is gone is no member of any zone: in the transaction in which it goes, so that no zone ever names what is not there. */
export function forgetInZones(
  { zones }: AllRecords,
  change: Change,
  kind: "hosts" | "agents" | "disks",
  name: string,
): void {
  for (const zone of zones.values()) {
    if (!zone[kind].includes(name)) continue;
    change.replace(zones, zone.name, { ...zone, [kind]: zone[kind].filter((member) => member !== name) });
  }
}
