/**
 * An image file or a block device of the host.
 *
 * Reads and small writes go through the page cache in the same turn; large ones, and those of a
 * device that was slow a moment ago, go to the thread pool so that it stalls nobody else
 * (`io-path.ts`). FLUSH and FUA reach the medium by fdatasync (`sync-group.ts`).
 */
import { closeSync } from "node:fs";
import {
  type BlockDevice,
  type DeviceChange,
  type IoCompletion,
  type IoResult,
  OK,
  type ProvisioningExtent,
  type WriteOptions,
} from "./block-device.ts";
import { IoPath } from "./io-path.ts";
import { type OpenedFile, type OpenOptions, openFile } from "./open-file.ts";
import { SyncGroup } from "./sync-group.ts";
import { punchHole } from "./syscalls/fallocate.ts";
import { SystemCallError } from "./syscalls/libc.ts";

export interface FileDeviceOptions extends OpenOptions {
  readonly blockBytes?: 512 | 4096;
  readonly thin?: boolean;
  /** writethrough: every write is answered only when it is on the medium. */
  readonly cache?: "writeback" | "writethrough";
}

const ZEROES = Buffer.alloc(1024 * 1024);

export class FileDevice implements BlockDevice {
  readonly blockBytes: number;
  readonly readOnly: boolean;
  readonly thin: boolean;
  readonly allocationBytes: number;
  readonly sizeBytes: number;
  readonly fd: number;
  onChange: ((change: DeviceChange) => void) | undefined;
  readonly #path: IoPath;
  readonly #syncs: SyncGroup;
  readonly #through: boolean;
  #closed = false;

  constructor(file: OpenedFile, options: FileDeviceOptions) {
    this.fd = file.fd;
    this.blockBytes = options.blockBytes ?? 512;
    this.sizeBytes = file.sizeBytes - (file.sizeBytes % this.blockBytes);
    this.readOnly = options.readOnly ?? false;
    this.thin = (options.thin ?? true) && !file.isBlockDevice;
    this.allocationBytes = this.thin ? 4096 : this.blockBytes;
    this.#through = options.cache === "writethrough";
    this.#path = new IoPath(file.fd);
    this.#syncs = new SyncGroup(file.fd);
  }

  read(offset: number, into: Uint8Array): IoCompletion {
    return this.#path.read(offset, into);
  }

  write(offset: number, from: readonly Uint8Array[], options?: WriteOptions): IoCompletion {
    if (this.readOnly) return { kind: "write-protected" };
    return this.#reach(this.#path.write(offset, from), options);
  }

  flush(): IoCompletion {
    return this.#syncs.sync();
  }

  unmap(offset: number, length: number): IoCompletion {
    return this.writeZeroes(offset, length);
  }

  writeZeroes(offset: number, length: number, options?: WriteOptions): IoCompletion {
    if (this.readOnly) return { kind: "write-protected" };
    return this.#punch(offset, length, options);
  }

  async #punch(offset: number, length: number, options: WriteOptions | undefined): Promise<IoResult> {
    try {
      await punchHole(this.fd, offset, length);
      return await this.#reach(OK, options);
    } catch (error) {
      if (!(error instanceof SystemCallError)) throw error;
      return this.#writeZeroesOut(offset, length, options);
    }
  }

  provisioning(offset: number, length: number): readonly ProvisioningExtent[] {
    return [{ offset, length, status: "mapped" }];
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#path.idle();
    await this.#syncs.idle();
    closeSync(this.fd);
  }

  /** A write with FUA is answered only when it is on the medium. */
  #reach(written: IoCompletion, options: WriteOptions | undefined): IoCompletion {
    if (!this.#through && options?.fua !== true) return written;
    if (written instanceof Promise) return written.then((result) => (result === OK ? this.#syncs.sync() : result));
    return written === OK ? this.#syncs.sync() : written;
  }

  /** Where the file system cannot punch. */
  async #writeZeroesOut(offset: number, length: number, options: WriteOptions | undefined): Promise<IoResult> {
    for (let at = 0; at < length; at += ZEROES.length) {
      const piece = ZEROES.subarray(0, Math.min(ZEROES.length, length - at));
      const result = await this.#path.write(offset + at, [piece]);
      if (result !== OK) return result;
    }
    return this.#reach(OK, options);
  }
}

/** Opens a device. @throws UserError in one sentence: missing, a directory, no permission, in use, of a wrong size. */
export function openFileDevice(path: string, options: FileDeviceOptions = {}): FileDevice {
  return new FileDevice(openFile(path, options), options);
}
