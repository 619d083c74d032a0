/** What the controller keeps besides the tables; each kind under its own prefix in the store. */
import type { AgentProcess } from "node-iscsi-target/mapping/protocol.ts";
import type { AliasRecord, FabricRecord, WwnRecord, ZoneSetRecord } from "./fabric/records.ts";
import type { InjectionRecord } from "./injection/record.ts";
import type { RemoteAgent, RemoteRecord } from "./remote/record.ts";
import { Records } from "./store/records.ts";
import type { Store } from "./store/store.ts";
import type { UnitRecord } from "./units/record.ts";

export interface LabRecord {
  readonly name: string;
  readonly cluster: string;
  /** Grows with every start, durably, before the controller speaks. */
  readonly epoch: number;
  /** The next number for devices, chunks, tables, ports and identities; never goes back. */
  readonly nextNumber: number;
  /** Since when the lab has had power without a break; see `CoreOptions.power`. */
  readonly power?: string;
}
export interface PoolRecord {
  readonly name: string;
  readonly segmentBytes: number;
  readonly queueWhenFullMs: number;
}
export interface DeviceRecord {
  readonly device: number;
  readonly uuid: string;
  readonly path: string;
  readonly pool: string;
  readonly sizeBytes: number;
  /** Segments of the device, the label's included. */
  readonly segments: number;
  /** We made the image, so that what was never used reads as zeros. */
  readonly created: boolean;
}
export interface DiskRecord {
  readonly name: string;
  readonly table: string;
  readonly sizeBytes: number;
  readonly pool: string;
  readonly thick: boolean;
  readonly naa: string;
  readonly serial: string;
  /** Generation of the table: grows with every change of it. */
  readonly generation: number;
  /** A step that a crash would leave half done: finished or undone at the next start. */
  readonly operation: "none" | "creating" | "deleting";
}
export interface AgentRecord {
  readonly name: string;
  readonly portal: { readonly host: string; readonly port: number };
  readonly advertise: { readonly host: string; readonly port?: number } | null;
  readonly sticky: number | null;
  readonly relativePortId: number;
  /** Of the process that was last let in; 0: none yet. */
  readonly incarnation: number;
  readonly process: AgentProcess | null;
  /** Where it is on another machine, and serves under leases. Absent: it is fenced by kill. */
  readonly remote?: RemoteAgent;
  /** This incarnation surely issues no I/O any more. Absent: it may. */
  readonly ended?: true;
  /** Tables that this incarnation may hold: recorded before they are granted. */
  readonly tables: readonly string[];
}
/** Whether storage devices are used past the page cache, since agents of other machines use them too. */
export interface SharingRecord {
  readonly direct: boolean;
}
export interface HostRecord {
  readonly name: string;
  readonly iqn: string;
  readonly advertise: string | null;
}
export interface ExportRecord {
  readonly host: string;
  readonly disk: string;
  readonly lun: number;
}
export interface ZoneRecord {
  readonly name: string;
  readonly hosts: readonly string[];
  readonly agents: readonly string[];
  readonly disks: readonly string[];
  /** Aliases and world-wide names. */
  readonly members?: readonly string[];
}

export class AllRecords {
  readonly lab = new Records<LabRecord>("lab");
  readonly pools = new Records<PoolRecord>("pool");
  readonly devices = new Records<DeviceRecord>("device");
  readonly disks = new Records<DiskRecord>("disk");
  readonly agents = new Records<AgentRecord>("agent");
  readonly remote = new Records<RemoteRecord>("remote");
  readonly sharing = new Records<SharingRecord>("sharing");
  readonly hosts = new Records<HostRecord>("host");
  readonly exports = new Records<ExportRecord>("export");
  readonly zones = new Records<ZoneRecord>("zone");
  readonly units = new Records<UnitRecord>("unit");
  readonly wwns = new Records<WwnRecord>("wwn");
  readonly aliases = new Records<AliasRecord>("alias");
  readonly zoneSets = new Records<ZoneSetRecord>("zoneset");
  readonly fabric = new Records<FabricRecord>("fabric");
  readonly injections = new Records<InjectionRecord>("injection");

  async load(store: Store): Promise<void> {
    for (const records of Object.values(this) as Records<object>[]) await records.load(store);
  }
}
