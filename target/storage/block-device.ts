/**
 * The one interface between the SCSI layer and whatever holds the bytes.
 *
 * A plain image file, a block device, memory and a disk mapped by a table are all a
 * `BlockDevice`; SCSI cannot tell them apart. Results are few and neutral: `scsi/outcome.ts`
 * alone turns them into status and sense.
 */

/** Every byte is where it should be. The one result that the fast path returns: compare by identity. */
export const OK = Object.freeze({ kind: "ok" as const });

/**
 * The outcome of one I/O.
 *
 * - `ok`: done.
 * - `medium-error`: the medium could not be read or written; `offset` is the first bad byte of the request (bytes from the start of the device).
 * - `no-space`: nothing was left to allocate, lastingly (SBC-4 4.7.3.6: SPACE ALLOCATION FAILED WRITE PROTECT).
 * - `write-protected`: the device does not take writes.
 * - `not-ready`: the device cannot serve now (its agent lost its lease, its controller deletes it).
 * - `cancelled`: the initiation's task was aborted while the I/O was held; nothing was touched.
 * - `reported`: whoever knows better says precisely what is wrong (an entry in state E (270), a fault response).
 */
export type IoResult =
  | typeof OK
  | { readonly kind: "medium-error"; readonly offset: number }
  | { readonly kind: "no-space" }
  | { readonly kind: "write-protected" }
  | { readonly kind: "not-ready" }
  | { readonly kind: "cancelled" }
  | { readonly kind: "reported"; readonly report: ErrorReport };

/** A lasting error as its owner states it. The codes are those of SPC-4 4.5; storage hands them on unread. */
export interface ErrorReport {
  readonly senseKey: number;
  readonly asc: number;
  readonly ascq: number;
}

/** Synchronous where the page cache had it, a promise where somebody must be waited for. Promises never reject over I/O errors: a rejection is a bug. */
export type IoCompletion = IoResult | Promise<IoResult>;

/**
 * Who asked for an I/O. The SCSI task itself implements this, so that the fast path allocates nothing.
 *
 * A device that holds an I/O (a fault, an injected delay) sets `onCancel`, and clears it when it
 * goes on. ABORT TASK and the loss of the nexus set `cancelled` and call `onCancel` once.
 * An I/O already at its system call is not cancelled: whoever aborts waits for it to end.
 */
export interface Initiation {
  cancelled: boolean;
  onCancel: (() => void) | undefined;
}

/**
 * A range that its owner has to itself: whoever reaches the same bytes by another way waits. I/O to
 * the range is done in its name, and is cancelled when the range is lost: then nothing was touched,
 * and what was read before may be no longer so.
 */
export interface Exclusion extends Initiation {
  /** Lets the others in again. */
  end(): void;
}

export interface WriteOptions {
  /** Force unit access (SBC-4 5.x): answered only when the data is on the medium. */
  readonly fua?: boolean;
}

/** What a device can do and how large it is. All sizes in bytes. */
export interface BlockDeviceGeometry {
  /** Capacity in bytes: a multiple of `blockBytes`. Changes when the device is resized. */
  readonly sizeBytes: number;
  /** The logical block: 512 or 4096 bytes. */
  readonly blockBytes: number;
  readonly readOnly: boolean;
  /** Deallocates on `unmap` and reads unmapped ranges as zeros (SBC-4 4.7, LBPRZ = 1). */
  readonly thin: boolean;
  /** The longest write that others, and the medium after a loss of power, see whole or not at all (SBC-4 4.30); absent: none. */
  readonly atomicWriteBytes?: number;
  /** What the medium reads and writes at once, for READ CAPACITY (16); absent: a logical block. */
  readonly physicalBlockBytes?: number;
  /** What one allocation takes, in bytes: the optimal unmap granularity of VPD B0. `blockBytes` where the device does not say. */
  readonly allocationBytes: number;
}

/** Why a device calls `onChange`: its capacity has changed, or a fresh piece of it became (un)available. */
export type DeviceChange = "capacity";

export type ProvisioningStatus = "mapped" | "deallocated" | "anchored";

/** A run of equal provisioning status (SBC-4 5.6, GET LBA STATUS); offsets and lengths in bytes. */
export interface ProvisioningExtent {
  readonly offset: number;
  readonly length: number;
  readonly status: ProvisioningStatus;
}

/**
 * A random-access array of blocks.
 *
 * Offsets and lengths are bytes, multiples of `blockBytes`, and within `sizeBytes`: the SCSI
 * layer has checked them. Buffers belong to the caller again once the completion has settled;
 * the device must not touch them later. `by` may be omitted by callers that never cancel.
 */
export interface BlockDevice extends BlockDeviceGeometry {
  /** Fills the whole of `into` from `offset`. */
  read(offset: number, into: Uint8Array, by?: Initiation): IoCompletion;

  /** Writes the pieces of `from` one after another at `offset`. All the data is there before this is called. */
  write(offset: number, from: readonly Uint8Array[], options?: WriteOptions, by?: Initiation): IoCompletion;

  /** Every write acknowledged before this call is on stable storage when it completes with `ok`. After a failure no later flush reports success over the same data. */
  flush(by?: Initiation): IoCompletion;

  /** Gives the range back; it reads as zeros afterwards. Called only where `thin`. */
  unmap(offset: number, length: number, by?: Initiation): IoCompletion;

  /** The range reads as zeros afterwards, and its room is kept, so that no write to it can fail for want of room (SBC-4 4.7.4.4). Called only where `thin`; absent: no range is ever kept so. */
  anchor?(offset: number, length: number, by?: Initiation): IoCompletion;

  /** The range reads as zeros afterwards, without sending data through the caller. */
  writeZeroes(offset: number, length: number, options?: WriteOptions, by?: Initiation): IoCompletion;

  /** Makes all that was written unreadable, by changing the key that it is encrypted with (SBC-4 4.11); what reads find then has no meaning, but for ranges that were given back. Absent where nothing is encrypted. */
  cryptoErase?(): IoCompletion;

  /** Extents that cover [offset, offset+length) in order, without gaps; of a range in very many pieces only the first of them, at least one. What the device cannot tell counts as mapped. */
  provisioning(offset: number, length: number): readonly ProvisioningExtent[] | Promise<readonly ProvisioningExtent[]>;

  /**
   * Keeps all others off the range until the exclusion ends; what they had under way there has ended
   * when it resolves. Absent where nobody reaches the bytes but through this device. `cancelled`
   * where the initiation was, `not-ready` where the device is gone.
   */
  exclude?(offset: number, length: number, by: Initiation): Promise<Exclusion | IoResult>;

  /** What mapping takes, of what there is to take (log page 0Ch, SBC-4 6.4.4); absent where the device cannot tell. Bytes. */
  resources?(): { readonly availableBytes: number; readonly usedBytes: number };

  /** Set by the one owner of the device (the logical unit) to hear of changes. */
  onChange: ((change: DeviceChange) => void) | undefined;

  /** Waits for what is outstanding, flushes nothing, gives every descriptor back. Idempotent. */
  close(): Promise<void>;
}
