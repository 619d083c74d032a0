/** What an agent is to have, out of the records: devices, tables, units and hosts, each under a key (pure). */
import { FRESH_UNIT } from "node-iscsi-target/mapping/messages/units.ts";
import type { PortGroup } from "node-iscsi-target/mapping/protocol.ts";
import { Zoning } from "../fabric/zoning.ts";
import { injectionItem } from "../injection/item.ts";
import type { AgentRecord, AllRecords, DiskRecord, HostRecord } from "../records.ts";
import { stateOf } from "../units/record.ts";
import { exportedUnit, type Unit } from "../units/unit.ts";
import type { Outgoing } from "./agent-session.ts";

export interface Item {
  /** What brings it to the agent, or replaces it there. */
  readonly add: Outgoing;
  /** `add` with what changes without being a reason to send it again. */
  readonly now?: () => Outgoing;
  readonly remove: Outgoing;
}

const BLOCK_BYTES = 512;

const KINDS = ["chap", "device", "table", "unit", "ports", "host", "port-groups", "injections"] as const;

/** Where in the order of `desired` an item comes: what is added later may be of an earlier kind, as a device of a pool that has grown. */
export function orderOf(key: string): number {
  return KINDS.findIndex((kind) => key === kind || key.startsWith(`${kind}/`));
}

/** In the order in which they are added; removed in the opposite order. `ports`: of all agents. */
export function desired(records: AllRecords, agent: string, ports: readonly PortGroup[]): Map<string, Item> {
  const zoning = new Zoning(records);
  const exports = records.exports
    .values()
    .filter(({ host, disk, agents }) => agents?.includes(agent) !== false && zoning.sees(host, agent, disk));
  const shown = exports.flatMap((row) => exportedUnit(records, row) ?? []);
  const units = [...new Map(shown.map((unit) => [unit.id, unit])).values()].filter(
    ({ disk }) => disk.operation === "none",
  );
  const disks = [...new Set(units.map(({ disk }) => disk))];
  const pools = new Set(disks.flatMap(poolsOf));
  const items = new Map<string, Item>();
  const direct = records.sharing.get("lab")?.direct ?? false;
  const self = records.agents.get(agent);
  // Before the first host is let in.
  if (self?.chap !== undefined) items.set("chap", chapItem(self.chap));
  for (const { device, uuid, path, pool, openings, removed = false, leaving } of records.devices.values()) {
    const unsynced = records.unsynced.has(String(device));
    if (!pools.has(pool) || (removed && !unsynced && leaving === undefined)) continue;
    const segmentBytes = records.pools.get(pool)?.segmentBytes as number;
    items.set(`device/${device}`, {
      add: {
        type: "add_device",
        device,
        uuid,
        path,
        pool,
        segmentBytes,
        direct,
        unsynced,
        ...(openings && { openings }),
        ...(removed && unsynced && { removed }),
        ...(leaving === "syncing" && !unsynced && { sync: true }),
      },
      remove: { type: "remove_device", device },
    });
  }
  for (const disk of disks) items.set(`table/${disk.table}`, tableItem(records, disk));
  for (const unit of units) items.set(`unit/${unit.id}`, unitItem(records, unit));
  for (const unit of units) items.set(`ports/${unit.id}`, portsItem(records, zoning, unit));
  for (const host of records.hosts.values()) {
    const luns = exports
      .filter((e) => e.host === host.name)
      .map((row) => ({ lun: row.lun, unit: exportedUnit(records, row)?.id ?? "" }));
    if (zoning.letsIn(host.name, agent)) {
      items.set(`host/${host.iqn}`, hostItem(host, luns, zoning.agentsOf(host.name), self));
    }
  }
  items.set("port-groups", { add: portGroupsItem(ports), remove: portGroupsItem([]) });
  items.set("injections", injectionItem(records, agent));
  return items;
}

/** Where its segments may lie. */
export function poolsOf({ pool, from }: DiskRecord): string[] {
  return from === undefined ? [pool] : [pool, from];
}

function tableItem(records: AllRecords, disk: DiskRecord): Item {
  const { table, sizeBytes, pool } = disk;
  const segmentBytes = records.pools.get(pool)?.segmentBytes as number;
  const add: Outgoing = {
    type: "create_table",
    table,
    sizeBytes,
    segmentBytes,
    blockBytes: BLOCK_BYTES,
    thin: !disk.thick,
    pools: poolsOf(disk),
  };
  return { add, remove: { type: "delete_table", table } };
}

function unitItem(records: AllRecords, { id, name, disk, view, naa, serial }: Unit): Item {
  const { table, readOnly } = disk;
  const unit = {
    id,
    table,
    name,
    naa,
    serial,
    readOnly,
    ...(view === undefined ? {} : { view: { ranges: view.ranges, sizeBytes: view.sizeBytes } }),
  };
  return {
    add: { type: "publish_unit", unit, state: FRESH_UNIT },
    now: () => ({ type: "publish_unit", unit, state: stateOf(records.units.get(id)) }),
    remove: { type: "unpublish_unit", unit: id },
  };
}

/** The ports of every agent that a zone lets present the disk. */
function portsItem({ agents }: AllRecords, zoning: Zoning, { id: unit, disk }: Unit): Item {
  const ports = agents
    .values()
    .filter(({ name }) => zoning.presents(name, disk.name))
    .map(({ relativePortId }) => ({ relativePortId, portGroup: relativePortId }))
    .sort((a, b) => a.relativePortId - b.relativePortId);
  return { add: { type: "set_ports", unit, ports }, remove: { type: "set_ports", unit, ports: [] } };
}

function portGroupsItem(groups: readonly PortGroup[]): Outgoing {
  return { type: "set_port_groups", groups };
}

function chapItem(chap: { readonly user: string; readonly secretFile: string }): Item {
  return { add: { type: "set_chap", chap }, remove: { type: "set_chap", chap: null } };
}

function hostItem(
  host: HostRecord,
  luns: { lun: number; unit: string }[],
  agents: readonly string[],
  agent: AgentRecord | undefined,
): Item {
  const told = Array.isArray(host.advertise)
    ? (host.advertise as readonly string[])[((agent?.relativePortId ?? 1) - 1) % host.advertise.length]
    : (host.advertise as string | null);
  const advertise = told === null || told === undefined ? {} : { advertise: { host: told } };
  return {
    add: { type: "publish_host", initiator: host.iqn, luns, agents, ...advertise },
    remove: { type: "unpublish_host", initiator: host.iqn },
  };
}
