/** How QEMU runs the guest's instructions: in software, which works everywhere, or on the processor (`probeKvm`). */
export type Accelerator = "tcg" | "kvm";

/** A network card on QEMU's user networking: the host is reached at the network's address .2. */
export interface NicSpec {
  /** Six octets, "52:54:00:…": the guest knows its cards by it. */
  readonly mac: string;
  /** The card's model; the guest has drivers for both. */
  readonly model?: "virtio-net-pci" | "e1000";
}

/** A disk that QEMU itself logs in to, by libiscsi; the guest sees a local SCSI or virtio disk. */
export interface IscsiDiskSpec {
  /** "HOST:PORT" as seen from the machine QEMU runs on. */
  readonly portal: string;
  /** The target's IQN. */
  readonly target: string;
  readonly lun: number;
  readonly initiatorName: string;
  /** `scsi-block` hands the guest's SCSI commands through; `virtio-blk` hides them and is faster. */
  readonly device: "scsi-block" | "virtio-blk";
  /** CHAP: the secret is read by QEMU from the first line of a file, so that no command line shows it. */
  readonly chap?: { readonly user: string; readonly secretFile: string };
  /** Seconds after which libiscsi gives up on a command and logs in again; 0 (the default) waits for ever. */
  readonly timeoutSeconds?: number;
}

/** Everything that decides QEMU's command line. */
export interface HostSpec {
  /** Letters, digits, '-' and '.'. Shown by `ps` as the guest's name. */
  readonly name: string;
  readonly memoryMiB: number;
  /** Virtual processors; 1 by default, which is fastest in software. */
  readonly processors?: number;
  /** `tcg` by default. */
  readonly accelerator?: Accelerator;
  /** Paths of the kernel and the initramfs (`ensureGuestImage`). */
  readonly kernel: string;
  readonly initramfs: string;
  /** Further words for the kernel's command line. */
  readonly append?: readonly string[];
  readonly nics: readonly NicSpec[];
  readonly disks?: readonly IscsiDiskSpec[];
}
