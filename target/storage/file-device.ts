/**
 * An image file or a block device of the host: a descriptor with an engine.
 *
 * The engine moves the bytes (`engine/`); FLUSH and FUA reach the medium by a shared fdatasync.
 * A write with FUA is a write and then such a sync: many at once share one, and its failure is
 * remembered like that of any other, which pwritev2 with RWF_DSYNC would keep to itself.
 */
import { closeSync, fstatSync, statfsSync } from "node:fs";
import type {
  BlockDevice,
  DeviceChange,
  IoCompletion,
  IoResult,
  ProvisioningExtent,
  WriteOptions,
} from "./block-device.ts";
import { OK } from "./block-device.ts";
import type { IoEngine, IoMode } from "./engine/engine.ts";
import type { SyncGroup } from "./engine/sync-group.ts";
import type { ThreadQueue } from "./engine/thread-queue.ts";
import type { OpenedFile } from "./open-file.ts";
import { Outstanding } from "./outstanding.ts";
import { sparseExtents } from "./sparse-extents.ts";
import { Zeroing } from "./zeroing.ts";

export interface FileDeviceOptions {
  readonly blockBytes: number;
  readonly readOnly: boolean;
  readonly thin: boolean;
  /** Every write is answered only when it is on the medium. */
  readonly writeThrough: boolean;
}

/** What a device is made of besides its descriptor; one of each to a device. */
export interface FileDeviceParts {
  readonly engine: IoEngine;
  readonly threads: ThreadQueue;
  readonly syncs: SyncGroup;
}

export class FileDevice implements BlockDevice {
  readonly blockBytes: number;
  readonly readOnly: boolean;
  readonly thin: boolean;
  readonly allocationBytes: number;
  readonly sizeBytes: number;
  /** For locks and labels; I/O goes through the device. */
  readonly fd: number;
  onChange: ((change: DeviceChange) => void) | undefined;
  /** What the image takes of its file system, and what there is left for it. */
  readonly resources?: () => { readonly availableBytes: number; readonly usedBytes: number };
  readonly #engine: IoEngine;
  readonly #syncs: SyncGroup;
  readonly #zeroing: Zeroing;
  readonly #writeThrough: boolean;
  /** The kernel does not tell what a block device has deallocated. */
  readonly #tellsHoles: boolean;
  readonly #outstanding = new Outstanding();
  #closing: Promise<void> | undefined;

  constructor(file: OpenedFile, { engine, threads, syncs }: FileDeviceParts, options: FileDeviceOptions) {
    this.fd = file.fd;
    this.blockBytes = options.blockBytes;
    // A last part of a block does not exist for hosts.
    this.sizeBytes = file.sizeBytes - (file.sizeBytes % options.blockBytes);
    this.readOnly = options.readOnly;
    this.thin = options.thin;
    this.allocationBytes = options.thin ? Math.max(options.blockBytes, file.physicalBlockBytes) : options.blockBytes;
    this.#writeThrough = options.writeThrough;
    this.#tellsHoles = options.thin && !file.isBlockDevice;
    if (this.#tellsHoles) this.resources = () => spaceOf(file.fd, this.sizeBytes);
    this.#engine = engine;
    this.#syncs = syncs;
    this.#zeroing = new Zeroing(file.fd, engine, threads);
  }

  /** How the bytes move, for measurements and status. */
  get ioMode(): IoMode {
    return this.#engine.mode;
  }

  read(offset: number, into: Uint8Array): IoCompletion {
    return this.#outstanding.counted(this.#engine.read(offset, into));
  }

  write(offset: number, from: readonly Uint8Array[], options?: WriteOptions): IoCompletion {
    if (this.readOnly) return { kind: "write-protected" };
    return this.#reach(this.#engine.write(offset, from), options);
  }

  flush(): IoCompletion {
    return this.readOnly ? OK : this.#outstanding.counted(this.#syncs.sync());
  }

  unmap(offset: number, length: number): IoCompletion {
    if (this.readOnly) return { kind: "write-protected" };
    return this.#reach(this.#zeroing.deallocate(offset, length), undefined);
  }

  writeZeroes(offset: number, length: number, options?: WriteOptions): IoCompletion {
    if (this.readOnly) return { kind: "write-protected" };
    const zeroed = this.thin ? this.#zeroing.deallocate(offset, length) : this.#zeroing.zero(offset, length);
    return this.#reach(zeroed, options);
  }

  provisioning(offset: number, length: number): readonly ProvisioningExtent[] {
    if (!this.#tellsHoles) return [{ offset, length, status: "mapped" }];
    return sparseExtents(this.fd, offset, length, this.blockBytes);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#outstanding.none();
    closeSync(this.fd);
  }

  #reach(written: IoCompletion, options: WriteOptions | undefined): IoCompletion {
    return this.#outstanding.counted(this.#onMedium(written, options));
  }

  #onMedium(written: IoCompletion, options: WriteOptions | undefined): IoCompletion {
    if (!this.#writeThrough && options?.fua !== true) return written;
    if (written instanceof Promise) return this.#reachAfter(written);
    return written === OK ? this.#syncs.sync() : written;
  }

  async #reachAfter(written: Promise<IoResult>): Promise<IoResult> {
    const result = await written;
    return result === OK ? this.#syncs.sync() : result;
  }
}

const STAT_BLOCK_BYTES = 512;

function spaceOf(fd: number, sizeBytes: number): { availableBytes: number; usedBytes: number } {
  const usedBytes = Math.min(sizeBytes, fstatSync(fd).blocks * STAT_BLOCK_BYTES);
  const { bavail, bsize } = statfsSync(`/proc/self/fd/${fd}`);
  return { usedBytes, availableBytes: Math.min(sizeBytes - usedBytes, bavail * bsize) };
}
