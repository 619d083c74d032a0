/** A lab as its file describes it, checked, with defaults filled in and paths made absolute. */
import type { TableRange } from "@sanlab/controller/views/resources.ts";
import type { Addition, IscsiDevice } from "@sanlab/vm";

export interface DeviceSpec {
  readonly path: string;
  /** Absent: the file or block device is there already. */
  readonly sizeBytes?: number;
}
export interface PoolSpec {
  readonly name: string;
  readonly segmentBytes: number;
  /** How long first writes wait for space while it is full, ms; 0: they fail at once. */
  readonly queueWhenFullMs: number;
  readonly devices: readonly DeviceSpec[];
}
export interface DiskSpec {
  readonly name: string;
  readonly pool: string;
  readonly sizeBytes: number;
  readonly thick: boolean;
  /** What the disk holds when it is new: an image, raw or qcow2, or `BUILT_IN`. */
  readonly image?: string;
  readonly tables?: readonly TableSpec[];
}
/** A further table of a disk: these segments, in this order. */
export interface TableSpec {
  readonly name: string;
  readonly ranges: readonly TableRange[];
}
export interface AgentSpec {
  readonly name: string;
  /** Port 0: any free one. */
  readonly portal: { readonly host: string; readonly port: number };
  readonly advertise?: { readonly host: string; readonly port?: number };
  /** It runs on another machine: let in, not started. */
  readonly remote?: true;
  /** It serves under leases so long; one that is started here does all the same, as one of another machine does. */
  readonly lease?: { readonly leaseMs: number };
  /** What hosts prove; the secret is the first line of the file. */
  readonly chap?: { readonly user: string; readonly secretFile: string };
}

/** In place of an image's path: the guest's own system, made by us. */
export const BUILT_IN = "built-in";

/** Who speaks iSCSI: the guest's own open-iscsi, QEMU on the guest's behalf, or the firmware, which boots from the first disk. */
export const INITIATORS = ["open-iscsi", "qemu", "ipxe"] as const;
export type Initiator = (typeof INITIATORS)[number];

export interface LabHost {
  readonly name: string;
  readonly iqn: string;
  /** `DISK`, or `DISK/TABLE`. */
  readonly disks: readonly string[];
  /** Somebody else's machine: let in, not started. */
  readonly external: boolean;
  readonly memoryMiB: number;
  readonly initiator: Initiator;
  /** Network cards; the agents are reached over one after the other. */
  readonly nics: number;
  /** What `initiator: qemu` shows the guest. */
  readonly device: IscsiDevice;
  /** What it has beside the programs of every guest; absent: nothing. */
  readonly additions?: readonly Addition[];
  /** A disk of its own that it starts from, raw or qcow2, or `BUILT_IN`; absent: the guest's system, in memory. The file is not written to. */
  readonly image?: string;
  /** User data for cloud-init, beside ours. */
  readonly seed?: string;
  /** Whether qemu-guest-agent answers in it. */
  readonly guestAgent: boolean;
  /** How long its start, until it sees its disks, may take. */
  readonly patienceMs: number;
}
/** Where the controller is reached by agents of other machines. */
export interface ListenSpec {
  readonly host: string;
  readonly port: number;
  /** Under which it is reached, where that is not the address it listens on. */
  readonly names?: readonly string[];
}
export interface ZoneSpec {
  readonly name: string;
  readonly hosts: readonly string[];
  readonly agents: readonly string[];
  readonly disks: readonly string[];
  /** Aliases and world-wide names. */
  readonly members: readonly string[];
}
export interface AliasSpec {
  readonly name: string;
  /** `host:NAME`, `agent:NAME`, `disk:NAME`, or a world-wide name. */
  readonly members: readonly string[];
}
export interface ZoneSetSpec {
  readonly name: string;
  readonly zones: readonly string[];
}
/** A fault on demand, its text in the grammar of docs/faults.md with one space between words. */
export interface FaultSpec {
  readonly name: string;
  readonly text: string;
}
export interface Lab {
  readonly name: string;
  /** Absolute path of the lab file. */
  readonly file: string;
  readonly pools: readonly PoolSpec[];
  readonly disks: readonly DiskSpec[];
  readonly agents: readonly AgentSpec[];
  /** Null: the file says nothing of it. */
  readonly listen: ListenSpec | null;
  readonly hosts: readonly LabHost[];
  readonly aliases: readonly AliasSpec[];
  readonly zones: readonly ZoneSpec[];
  readonly zoneSets: readonly ZoneSetSpec[];
  /** The one that counts; null: the file says nothing of it. */
  readonly activeZoneSet: string | null;
  /** In the order in which they are added. */
  readonly faults: readonly FaultSpec[];
}

export const DEFAULT_SEGMENT_BYTES = 1024 * 1024;
export const DEFAULT_MEMORY_MIB = 256;
export const DEFAULT_DEVICE: IscsiDevice = "scsi-block";
export const DEFAULT_PATIENCE_MS = 240_000;
export const MAX_NICS = 8;
export const DEFAULT_PORTAL = { host: "127.0.0.1", port: 0 } as const;

/** The name under which a host of ours logs in when its file gives none. */
export function defaultIqn(lab: string, host: string): string {
  return `iqn.2026-11.io.sanlab:host:${lab}:${host}`;
}
