/** A lab as its file describes it, checked, with defaults filled in and paths made absolute. */

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
}
export interface AgentSpec {
  readonly name: string;
  /** Port 0: any free one. */
  readonly portal: { readonly host: string; readonly port: number };
  readonly advertise?: { readonly host: string; readonly port?: number };
}

/** Who speaks iSCSI: the guest's own open-iscsi, or QEMU on the guest's behalf. */
export const INITIATORS = ["open-iscsi", "qemu"] as const;
export type Initiator = (typeof INITIATORS)[number];

export interface LabHost {
  readonly name: string;
  readonly iqn: string;
  readonly disks: readonly string[];
  /** Somebody else's machine: let in, not started. */
  readonly external: boolean;
  readonly memoryMiB: number;
  readonly initiator: Initiator;
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
export const DEFAULT_PORTAL = { host: "127.0.0.1", port: 0 } as const;

/** The name under which a host of ours logs in when its file gives none. */
export function defaultIqn(lab: string, host: string): string {
  return `iqn.2026-11.io.sanlab:host:${lab}:${host}`;
}
