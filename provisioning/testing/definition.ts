/** A lab as an object: the keys of a lab file (docs/labs.md), typed. Its schema checks it as it would check a file. */
import type { Addition } from "@sanlab/vm";

/** "512MiB": a whole number and KiB, MiB, GiB or TiB. */
export type Size = `${number}${"KiB" | "MiB" | "GiB" | "TiB"}`;

export interface PoolDefinition {
  readonly segment?: Size;
  readonly devices: readonly { readonly path: string; readonly size?: Size }[];
}

export interface DiskDefinition {
  readonly pool: string;
  readonly size: Size;
  readonly thick?: boolean;
  readonly image?: string;
  /** Further tables: segments of the disk, in the order in which hosts see them. */
  readonly tables?: Readonly<Record<string, readonly `${number}-${number}`[]>>;
}

export interface AgentDefinition {
  readonly portal?: string;
  readonly advertise?: string;
  readonly chap?: { readonly user: string; readonly secretFile: string };
  readonly remote?: boolean;
  readonly lease?: string;
}

export interface HostDefinition {
  /** `DISK`, or `DISK/TABLE`. */
  readonly disks?: readonly string[];
  readonly iqn?: string;
  readonly external?: boolean;
  readonly memory?: Size;
  readonly initiator?: "open-iscsi" | "qemu" | "ipxe";
  readonly nics?: number;
  readonly device?: "scsi-block" | "scsi-hd" | "virtio-blk";
  readonly additions?: readonly Addition[];
  readonly image?: string;
  readonly seed?: string;
  readonly guestAgent?: boolean;
  readonly patience?: `${number}${"s" | "min"}`;
}

export interface ZoneDefinition {
  readonly hosts: readonly string[];
  readonly agents: readonly string[];
  readonly disks: readonly string[];
}

type Named<Definition> = Readonly<Record<string, Definition>>;

export interface LabDefinition {
  /** "test" without it. */
  readonly lab?: string;
  readonly pools?: Named<PoolDefinition>;
  readonly disks?: Named<DiskDefinition>;
  readonly agents?: Named<AgentDefinition>;
  /** Where agents of other machines reach the controller. */
  readonly listen?: { readonly address: string; readonly as?: readonly string[] };
  readonly hosts?: Named<HostDefinition>;
  readonly zones?: Named<ZoneDefinition>;
  /** Texts of faults on demand (docs/faults.md). */
  readonly faults?: Named<string>;
}

/** The names under one of a definition's keys. */
export type NamesOf<Definition extends LabDefinition, Key extends "disks" | "agents" | "hosts"> = Extract<
  keyof NonNullable<Definition[Key]>,
  string
>;
