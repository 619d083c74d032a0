/** What the controller keeps besides the tables; each kind under its own prefix in the store. */
import type { AgentProcess } from "node-iscsi-target/mapping/protocol.ts";
import type { AliasRecord, FabricRecord, WwnRecord, ZoneSetRecord } from "./fabric/records.ts";
import type { InjectionRecord } from "./injection/record.ts";
import type { OperationRecord } from "./migration/record.ts";
import type { RemoteAgent, RemoteRecord } from "./remote/record.ts";
import { Records } from "./store/records.ts";
import type { Store } from "./store/store.ts";
import type { LocationRun } from "./tables/layout.ts";
import type { UnitRecord } from "./units/record.ts";
import type { ViewRecord } from "./views/record.ts";

export interface LabRecord {
  readonly name: string;
  readonly cluster: string;
  /** Grows with every start, durably, before the controller speaks. */
  readonly epoch: number;
  /** The next number for chunks, tables, ports and identities; never goes back. */
  readonly nextNumber: number;
  /** The number of the device that was added last; absent where an earlier version wrote it. */
  readonly lastDevice?: number;
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
  /** Nothing more is placed on it: it is being emptied. */
  readonly closed?: boolean;
  /** It was taken out by force; what lay on it is in state E until it comes back. */
  readonly removed?: boolean;
  /** It was just now, and agents keep it: what lies there comes to fail; then they sync what was written there. */
  readonly leaving?: "failing" | "syncing";
  /** How often it was opened again after a sync of it had failed; absent: never. */
  readonly openings?: number;
}
/** A device of which a sync has failed: what was written before may be lost, and nobody knows what. */
export interface UnsyncedRecord {
  readonly device: number;
}
export interface DiskRecord {
  readonly name: string;
  readonly table: string;
  /** The first table of the disks that may share segments with this one. */
  readonly family: string;
  /** Table of the disk that this one was made of. */
  readonly origin: string | null;
  readonly kind: "disk" | "snapshot" | "clone";
  readonly readOnly: boolean;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly sizeBytes: number;
  readonly pool: string;
  /** The pool that it is on the way from. */
  readonly from?: string;
  readonly thick: boolean;
  readonly naa: string;
  readonly serial: string;
  /** A step that a crash would leave half done: finished or undone at the next start. */
  readonly operation: "none" | "creating" | "deleting";
}
/** How many segments of a table lie somewhere, and how many of those no other table holds. */
export interface UsageRecord {
  readonly table: string;
  readonly mapped: number;
  readonly own: number;
}
/** Segments of a pool set aside for what comes next (`space/reserve.ts`). */
export interface ReserveRecord {
  readonly pool: string;
  readonly runs: readonly LocationRun[];
}
/** Segments that nobody holds any more and that are not free yet. */
export interface ReleaseRecord {
  readonly id: string;
  readonly runs: readonly LocationRun[];
  /** Their agents have to be off the segments first. */
  readonly tables: readonly string[];
}
/** Step 560 under way: until every agent of the others has the copies, these entries of the faulting table stay Nw. */
export interface CopyRecord {
  readonly family: string;
  readonly copies: readonly { readonly table: string; readonly segment: number; readonly others: readonly string[] }[];
}
/** Segments that were allocated ahead of what was written, and that nobody has looked at since (`families/ahead.ts`). */
export interface AheadRecord {
  readonly family: string;
  readonly ranges: readonly (readonly [table: string, first: number, count: number])[];
}
export interface AgentRecord {
  readonly name: string;
  readonly portal: { readonly host: string; readonly port: number };
  readonly advertise: { readonly host: string; readonly port?: number } | null;
  readonly sticky: number | null;
  readonly relativePortId: number;
  /** What hosts must prove by CHAP; the secret is read by the agent from the first line of the file. */
  readonly chap?: { readonly user: string; readonly secretFile: string };
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
  /** A list goes by the agents' ports in turn. */
  readonly advertise: string | readonly string[] | null;
}
export interface ExportRecord {
  readonly host: string;
  readonly disk: string;
  /** A further table of the disk, by name; absent: the disk as a whole. */
  readonly table?: string;
  readonly lun: number;
  /** Only through these agents of the zones; absent: through all. */
  readonly agents?: readonly string[];
}
export interface ZoneRecord {
  readonly name: string;
  readonly hosts: readonly string[];
  readonly agents: readonly string[];
  readonly disks: readonly string[];
  /** Aliases and world-wide names. */
  readonly members?: readonly string[];
  /** It counts whatever zone set is active: of programs of ours that fill a disk, or read it. */
  readonly standing?: boolean;
}

export class AllRecords {
  readonly lab = new Records<LabRecord>("lab");
  readonly pools = new Records<PoolRecord>("pool");
  readonly devices = new Records<DeviceRecord>("device");
  readonly unsynced = new Records<UnsyncedRecord>("unsynced");
  readonly disks = new Records<DiskRecord>("disk");
  readonly views = new Records<ViewRecord>("view");
  readonly usage = new Records<UsageRecord>("usage");
  readonly reserves = new Records<ReserveRecord>("reserve");
  readonly releases = new Records<ReleaseRecord>("releasing");
  readonly copies = new Records<CopyRecord>("copying");
  readonly ahead = new Records<AheadRecord>("ahead");
  readonly operations = new Records<OperationRecord>("operation");
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
