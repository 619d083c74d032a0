/** Which zones count now, and who their members are (pure). */
import type { AllRecords, ZoneRecord } from "../records.ts";
import type { ZoneMembers } from "./records.ts";
import { parseWwn, wwnKey } from "./wwn.ts";

export type MemberKind = "host" | "agent" | "disk";
export interface Member {
  readonly kind: MemberKind;
  readonly name: string;
}

/** The zones of the active zone set, or all where none is active, and those that always count; every member by its name. */
export function effectiveZones(records: AllRecords): ZoneRecord[] {
  const active = records.fabric.get("fabric")?.zoneSet ?? null;
  const names = active === null ? undefined : (records.zoneSets.get(active)?.zones ?? []);
  const zones = records.zones
    .values()
    .filter(({ name, standing }) => standing === true || names?.includes(name) !== false);
  return zones.map((zone) => resolved(records, zone));
}

/** A member that nobody is, such as the world-wide name of a host that is not there yet, is none. */
function resolved(records: AllRecords, zone: ZoneRecord): ZoneRecord {
  const written = (zone.members ?? []).flatMap((member) => records.aliases.get(member)?.members ?? [member]);
  if (written.length === 0) return zone;
  const members = written.flatMap((member) => memberOf(records, member) ?? []);
  const all = (kind: MemberKind, names: readonly string[]) => [
    ...new Set([...names, ...members.flatMap((member) => (member.kind === kind ? [member.name] : []))]),
  ];
  return { ...zone, hosts: all("host", zone.hosts), agents: all("agent", zone.agents), disks: all("disk", zone.disks) };
}

/** Whom `host:web` or a world-wide name stands for; undefined: nobody now. */
export function memberOf(records: AllRecords, written: string): Member | undefined {
  const [, kind, name = ""] = /^(host|agent|disk):(.+)$/.exec(written) ?? [];
  if (kind !== undefined) {
    const member = { kind: kind as MemberKind, name };
    return records[`${member.kind}s`].has(name) ? member : undefined;
  }
  const wwn = parseWwn(written);
  if (wwn === undefined) return undefined;
  const disk = records.disks.values().find(({ naa }) => naa === wwn);
  if (disk !== undefined) return { kind: "disk", name: disk.name };
  // A further table is where its disk is.
  const view = records.views.values().find(({ naa }) => naa === wwn);
  if (view !== undefined) return { kind: "disk", name: view.disk };
  for (const kind of ["host", "agent"] as const) {
    const owner = records[`${kind}s`].values().find((one) => {
      const names = records.wwns.get(wwnKey(kind, one.name));
      return names?.wwpn === wwn || names?.wwnn === wwn;
    });
    if (owner !== undefined) return { kind, name: owner.name };
  }
  return undefined;
}

/** A zone may have a thousand disks, and each of them is asked for. */
type MemberSets = { readonly [kind in keyof ZoneMembers]: ReadonlySet<string> };

function membersOf({ hosts, agents, disks }: ZoneMembers): MemberSets {
  return { hosts: new Set(hosts), agents: new Set(agents), disks: new Set(disks) };
}

/** Who sees whom now. While zones are being switched, only what the old and the new ones allow. */
export class Zoning {
  readonly #records: AllRecords;
  /** Each of them must allow it. */
  readonly #layers: readonly (readonly MemberSets[])[];

  constructor(records: AllRecords) {
    this.#records = records;
    const leaving = records.fabric.get("fabric")?.leaving;
    const layers = [effectiveZones(records), ...(leaving === undefined ? [] : [leaving])];
    this.#layers = layers.map((zones) => zones.map(membersOf));
  }

  sees(host: string, agent: string, disk: string): boolean {
    return this.#allows(({ hosts, agents, disks }) => hosts.has(host) && agents.has(agent) && disks.has(disk));
  }

  letsIn(host: string, agent: string): boolean {
    return this.#allows(({ hosts, agents }) => hosts.has(host) && agents.has(agent));
  }

  presents(agent: string, disk: string): boolean {
    return this.#allows(({ agents, disks }) => agents.has(agent) && disks.has(disk));
  }

  /** The agents that a host sees, by name. */
  agentsOf(host: string): string[] {
    const names = this.#records.agents.values().map(({ name }) => name);
    return names.filter((agent) => this.letsIn(host, agent)).sort();
  }

  #allows(isAllowedBy: (zone: MemberSets) => boolean): boolean {
    return this.#layers.every((zones) => zones.some(isAllowedBy));
  }
}
