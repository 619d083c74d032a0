import type { Agent, Disk, Fault, Host, Pool, RemoteListener, Zone } from "@sanlab/controller/api/resources.ts";
import type { Alias, Fabric, Mask, ZoneSet } from "@sanlab/controller/fabric/resources.ts";
import type { Table } from "@sanlab/controller/views/resources.ts";
import { hostProcess } from "@sanlab/vm";
import { type HostRecord, readHostRecords } from "../hosts/record.ts";
import { unitName } from "../lab/unit-name.ts";
import { type Declared, type LabRecord, NOTHING_DECLARED } from "../state/lab-record.ts";
import { hostRunDirectory } from "../state/layout.ts";
import type { ApiClient } from "./client.ts";

/** A QEMU host as it is now. */
export interface RunningHost {
  readonly record: HostRecord;
  readonly isRunning: boolean;
}

/** Everything about a lab that a plan depends on. */
export interface RunningLab {
  /** Null: there is no state directory yet. */
  readonly name: string | null;
  /** Supervisor and controller run. */
  readonly isUp: boolean;
  readonly pools: readonly Pool[];
  readonly disks: readonly Disk[];
  readonly tables: readonly Table[];
  readonly agents: readonly Agent[];
  /** Null: the controller listens on this machine only. */
  readonly listener: RemoteListener | null;
  readonly hosts: readonly Host[];
  /** `disk`: `DISK`, or `DISK/TABLE`. */
  readonly exports: readonly { readonly host: string; readonly disk: string }[];
  readonly zones: readonly Zone[];
  readonly aliases: readonly Alias[];
  readonly zoneSets: readonly ZoneSet[];
  readonly activeZoneSet: string | null;
  readonly faults: readonly { readonly name: string; readonly text: string }[];
  readonly qemuHosts: readonly RunningHost[];
  readonly declared: Declared;
}

export const NO_LAB: RunningLab = {
  name: null,
  isUp: false,
  pools: [],
  disks: [],
  tables: [],
  agents: [],
  listener: null,
  hosts: [],
  exports: [],
  zones: [],
  aliases: [],
  zoneSets: [],
  activeZoneSet: null,
  faults: [],
  qemuHosts: [],
  declared: NOTHING_DECLARED,
};

/** Reads a lab whose controller runs. */
export async function readRunningLab(state: string, record: LabRecord, api: ApiClient): Promise<RunningLab> {
  const [pools, disks, tables, agents, remote, hosts, masks, zones, faults, fabric, aliases, zoneSets, qemuHosts] =
    await Promise.all([
      api.get<Pool[]>("/pools"),
      api.get<Disk[]>("/disks"),
      api.get<Table[]>("/tables"),
      api.get<Agent[]>("/agents"),
      api.get<{ readonly listener: RemoteListener | null }>("/remote"),
      api.get<Host[]>("/hosts"),
      api.get<Mask[]>("/masks"),
      api.get<Zone[]>("/zones"),
      api.get<Fault[]>("/faults"),
      api.get<Fabric>("/fabric"),
      api.get<Alias[]>("/aliases"),
      api.get<ZoneSet[]>("/zonesets"),
      readQemuHosts(state),
    ]);
  return {
    name: record.lab,
    isUp: true,
    pools,
    disks,
    tables,
    agents,
    listener: remote.listener,
    hosts,
    zones,
    faults,
    aliases,
    zoneSets,
    activeZoneSet: fabric.zoneSet,
    qemuHosts,
    exports: masks.map(({ host, disk, table }) => ({ host, disk: unitName(disk, table ?? undefined) })),
    declared: record.declared,
  };
}

export async function readQemuHosts(state: string): Promise<RunningHost[]> {
  const records = await readHostRecords(state);
  return Promise.all(
    records.map(async (record) => ({
      record,
      isRunning: (await hostProcess(hostRunDirectory(state, record.name))) !== undefined,
    })),
  );
}
