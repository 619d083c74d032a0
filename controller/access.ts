/** Agents, hosts, exports and zones: who sees what, and where. */

import { targetName } from "./agents/admission.ts";
import type {
  Agent,
  AgentRequest,
  ExportPath,
  ExportRequest,
  Host,
  HostRequest,
  JoinDocument,
  Zone,
} from "./api/resources.ts";
import type { ControllerCore } from "./core.ts";
import { forgetInZoneSets, forgetInZones } from "./fabric/changes.ts";
import { switchZones } from "./fabric/switch.ts";
import { nameNodes, parseWwn, wwnKey } from "./fabric/wwn.ts";
import { Zoning } from "./fabric/zoning.ts";
import type { AgentRecord, ExportRecord } from "./records.ts";
import { admitRemote, leasedHere } from "./remote/join.ts";
import { exportedUnit } from "./units/unit.ts";
import { notFound, Refusal } from "./user-error.ts";
import { foundView } from "./views/views.ts";

export async function addAgent(
  core: ControllerCore,
  { name, portal, advertise, chap, remote, lease }: AgentRequest,
): Promise<Agent & { readonly join?: JoinDocument }> {
  if (core.records.agents.has(name))
    throw new Refusal("exists", `There is an agent '${name}' already; choose another name.`);
  const same = core.records.agents
    .values()
    .find((agent) => portal.port !== 0 && agent.portal.host === portal.host && agent.portal.port === portal.port);
  if (same)
    throw new Refusal(
      "portal",
      `Portal ${portal.host}:${portal.port} is that of agent '${same.name}'; choose another port.`,
    );
  const ids = core.records.agents.values().map(({ relativePortId }) => relativePortId);
  const elsewhere = remote && (await admitRemote(core, name, remote));
  const record: AgentRecord = {
    name,
    portal,
    ...(lease && { remote: leasedHere(lease) }),
    ...(elsewhere && { remote: elsewhere.remote }),
    advertise: advertise ?? null,
    ...(chap === undefined ? {} : { chap }),
    sticky: null,
    relativePortId: Math.max(0, ...ids) + 1,
    incarnation: 0,
    process: null,
    tables: [],
  };
  await core.records.agents.save(core.options.store, name, record);
  await nameNodes(core);
  return { ...describeAgent(core, record), ...(elsewhere && { join: elsewhere.join }) };
}

export async function removeAgent(core: ControllerCore, name: string): Promise<void> {
  if (!core.records.agents.has(name)) throw notFound("agent", name);
  await core.agents.remove(name);
  const { records, commits } = core;
  await commits.run((change) => {
    for (const [key, row] of records.exports.entries()) {
      if (!row.agents?.includes(name)) continue;
      change.replace(records.exports, key, { ...row, agents: row.agents.filter((agent) => agent !== name) });
    }
    change.drop(records.agents, name).drop(records.wwns, wwnKey("agent", name));
    forgetInZones(records, change, "agents", name);
  });
}

export function describeAgent(core: ControllerCore, record: AgentRecord): Agent {
  const session = core.agents.session(record.name);
  const connected = session?.connected === true;
  const { host, port } = record.portal;
  return {
    name: record.name,
    pid: connected ? (record.process?.pid ?? null) : null,
    portal: `${host.includes(":") ? `[${host}]` : host}:${record.sticky ?? port}`,
    configured: record.portal,
    advertise: record.advertise,
    chap: record.chap ?? null,
    relativePortId: record.relativePortId,
    target: targetName(core.lab.name, record.name),
    incarnation: record.incarnation,
    fence: record.remote === undefined ? "kill" : "lease",
    leaseMs: record.remote?.leaseMs ?? null,
    elsewhere: record.remote?.tokenHash !== undefined,
    state: session?.fenced ? "fenced" : connected ? "connected" : record.incarnation === 0 ? "new" : "disconnected",
    problem: core.agents.problems.get(record.name) ?? null,
  };
}

export async function addHost(core: ControllerCore, { name, iqn, advertise }: HostRequest): Promise<Host> {
  if (core.records.hosts.has(name))
    throw new Refusal("exists", `There is a host '${name}' already; choose another name.`);
  const same = core.records.hosts.values().find((host) => host.iqn === iqn);
  if (same)
    throw new Refusal("iqn", `${iqn} is host '${same.name}' already; every host has an initiator name of its own.`);
  const host = { name, iqn, advertise: advertise ?? null };
  await core.records.hosts.save(core.options.store, name, host);
  await nameNodes(core);
  await core.agents.reconcile();
  return host;
}

export async function removeHost(core: ControllerCore, name: string): Promise<void> {
  if (!core.records.hosts.has(name)) throw notFound("host", name);
  for (const row of core.records.exports.values())
    if (row.host === name) await core.records.exports.remove(core.options.store, exportName(row));
  const { records, commits } = core;
  await commits.run((change) => {
    change.drop(records.hosts, name).drop(records.wwns, wwnKey("host", name));
    forgetInZones(records, change, "hosts", name);
  });
  await core.agents.reconcile();
}

export async function addExport(
  core: ControllerCore,
  { host, disk, table, lun, agents }: ExportRequest,
): Promise<ExportPath[]> {
  if (!core.records.hosts.has(host)) throw notFound("host", host);
  if (!core.records.disks.has(disk)) throw notFound("disk", disk);
  if (table !== undefined) foundView(core.records, disk, table);
  const unknown = agents?.find((name) => !core.records.agents.has(name));
  if (unknown !== undefined) throw notFound("agent", unknown);
  const theirs = core.records.exports.values().filter((row) => row.host === host);
  if (theirs.some((row) => row.disk === disk && row.table === table)) {
    const what = table === undefined ? `Disk '${disk}'` : `Table '${table}' of disk '${disk}'`;
    throw new Refusal("exists", `${what} is exported to host '${host}' already.`);
  }
  const taken = new Set(theirs.map((row) => row.lun));
  if (lun !== undefined && taken.has(lun))
    throw new Refusal("lun", `Host '${host}' has another disk at LUN ${lun}; choose another number.`);
  let free = 0;
  while (taken.has(free)) free += 1;
  const record: ExportRecord = { host, disk, ...(table && { table }), lun: lun ?? free, ...(agents && { agents }) };
  await core.records.exports.save(core.options.store, exportName(record), record);
  await core.agents.reconcile();
  return paths(core, (row) => row.host === host && row.lun === record.lun);
}

export async function removeExport(core: ControllerCore, host: string, disk: string, table?: string): Promise<void> {
  const name = exportName({ host, disk, ...(table === undefined ? {} : { table }) });
  if (!core.records.exports.has(name)) throw notFound("export", name);
  await core.records.exports.remove(core.options.store, name);
  await core.agents.reconcile();
}

export async function putZone(core: ControllerCore, zone: Zone, fresh: boolean): Promise<Zone> {
  if (fresh && core.records.zones.has(zone.name))
    throw new Refusal("exists", `There is a zone '${zone.name}' already; choose another name.`);
  for (const kind of ["hosts", "agents", "disks"] as const) {
    const unknown = zone[kind].find((name) => !core.records[kind].has(name));
    if (unknown !== undefined) throw notFound(kind.slice(0, -1), unknown);
  }
  const unknown = zone.members?.find((name) => parseWwn(name) === undefined && !core.records.aliases.has(name));
  if (unknown !== undefined) throw notFound("alias", unknown);
  const { zones } = core.records;
  await switchZones(core, { put: zones.put(zone.name, zone), learn: () => zones.learn(zone.name, zone) });
  return zone;
}

export async function removeZone(core: ControllerCore, name: string): Promise<void> {
  if (!core.records.zones.has(name)) throw notFound("zone", name);
  await forgetInZoneSets(core, name);
  await core.records.zones.remove(core.options.store, name);
  await core.agents.reconcile();
}

/** A row per path, of those exports: host, disk and agent of one zone. */
export function paths(core: ControllerCore, isWanted: (row: ExportRecord) => boolean = () => true): ExportPath[] {
  const { exports, hosts, disks, agents } = core.records;
  const zoning = new Zoning(core.records);
  const wanted = exports.values().filter(isWanted);
  return wanted.flatMap((record) => {
    const { host, disk, lun } = record;
    const iqn = hosts.get(host)?.iqn ?? "";
    const table = record.table ?? disks.get(disk)?.table ?? "";
    const { name: unit = disk, naa = "", sizeBytes = 0 } = exportedUnit(core.records, record) ?? {};
    const seen = agents
      .values()
      .filter(({ name }) => record.agents?.includes(name) !== false)
      .filter(({ name }) => zoning.sees(host, name, disk));
    return seen.map((agent) => {
      const { portal, target } = describeAgent(core, agent);
      return {
        host,
        iqn,
        disk,
        unit,
        table,
        naa,
        sizeBytes,
        agent: agent.name,
        portal,
        target,
        lun,
        url: `iscsi://${portal}/${target}/${lun}`,
      };
    });
  });
}

export function exportName({ host, disk, table }: Pick<ExportRecord, "host" | "disk" | "table">): string {
  return table === undefined ? `${host}/${disk}` : `${host}/${disk}/${table}`;
}
