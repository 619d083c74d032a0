/** How QEMU runs the guest's instructions: in software, which works everywhere, or on the processor (`probeKvm`). */
export type Accelerator = "tcg" | "kvm";

/** A network card on QEMU's user networking: the host is reached at the network's address .2. */
export interface NicSpec {
  /** Six octets, "52:54:00:…": the guest knows its cards by it. */
  readonly mac: string;
  /** The card's model; the guest has drivers for both. */
  readonly model?: "virtio-net-pci" | "e1000";
}

/**
 * What the guest sees of a disk of QEMU's own initiator: `scsi-block` hands its SCSI commands through, identity and
 * reservations included; `scsi-hd` and `virtio-blk` are disks of QEMU's own making and hide them.
 */
export const ISCSI_DEVICES = ["scsi-block", "scsi-hd", "virtio-blk"] as const;
export type IscsiDevice = (typeof ISCSI_DEVICES)[number];

/** A disk that QEMU itself logs in to, by libiscsi; the guest sees a local SCSI or virtio disk. */
export interface IscsiDiskSpec {
  /** Names QEMU's objects for this disk, each differently; letters, digits and '-'. */
  readonly id: string;
  /** "HOST:PORT" as seen from the machine QEMU runs on. */
  readonly portal: string;
  /** The target's IQN. */
  readonly target: string;
  readonly lun: number;
  readonly initiatorName: string;
  readonly device: IscsiDevice;
  /** The serial number that `scsi-hd` and `virtio-blk` show; at most 20 bytes of it (virtio 1.2, 5.2.6). */
  readonly serial?: string;
  /** CHAP: the secret is the whole content of a file, so that no command line shows it. */
  readonly chap?: { readonly user: string; readonly secretFile: string };
  /** Seconds after which libiscsi gives up on a command and logs in again; 0 (the default) waits for ever. */
  readonly timeoutSeconds?: number;
}

/** Where the guest's system comes from. Paths may be relative to the run directory. */
export type Boot =
  /** A kernel that QEMU loads, and its first root file system (`ensureGuestImage`). */
  | {
      readonly kind: "kernel";
      readonly kernel: string;
      readonly initramfs: string;
      /** Further words for the kernel's command line. */
      readonly append?: readonly string[];
    }
  /** A local disk, by the BIOS; `seed` is a further disk that cloud-init reads. */
  | { readonly kind: "disk"; readonly path: string; readonly format: "qcow2" | "raw"; readonly seed?: string }
  /** What the first card's firmware (iPXE) fetches by TFTP from a directory, and does. */
  | { readonly kind: "network"; readonly directory: string; readonly file: string };

/** Everything that decides QEMU's command line. */
export interface HostSpec {
  /** Letters, digits, '-' and '.'. Shown by `ps` as the guest's name. */
  readonly name: string;
  readonly memoryMiB: number;
  /** Virtual processors; 1 by default, which is fastest in software. */
  readonly processors?: number;
  /** `tcg` by default. */
  readonly accelerator?: Accelerator;
  readonly boot: Boot;
  readonly nics: readonly NicSpec[];
  readonly disks?: readonly IscsiDiskSpec[];
  /** Disks may be added and removed while it runs (`plugDisk`). */
  readonly hotPlug?: boolean;
  /** Files that the guest finds in /sys/firmware/qemu_fw_cfg/by_name, by their names there ("opt/…"). */
  readonly firmwareFiles?: Readonly<Record<string, string>>;
}
