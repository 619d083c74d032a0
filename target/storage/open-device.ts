/** From a path and what a person wants of it to a device: opens, checks, and chooses the engine. */
import { closeSync, fdatasync, readSync, statfsSync } from "node:fs";
import { AlignedBuffers } from "./engine/aligned-buffers.ts";
import { DirectEngine } from "./engine/direct.ts";
import type { IoEngine } from "./engine/engine.ts";
import { PageCacheEngine } from "./engine/page-cache.ts";
import type { Permit } from "./engine/permit.ts";
import { SyncGroup, type SyncHistory } from "./engine/sync-group.ts";
import { ThreadQueue, widenThreadPool } from "./engine/thread-queue.ts";
import { FileDevice, type FileDeviceParts } from "./file-device.ts";
import { type OpenedFile, openFile } from "./open-file.ts";
import { canReadWithoutWaiting } from "./syscalls/preadv2.ts";
import { UserError } from "./user-error.ts";

/**
 * - `writeback`: a write is answered when the page cache has it; FLUSH and FUA reach the medium.
 * - `writethrough`: every write is answered only when it is on the medium.
 * - `none`: past the page cache (O_DIRECT), for devices that several machines use; FLUSH and FUA as in `writeback`.
 */
export type CacheMode = "writeback" | "writethrough" | "none";

export interface DeviceOptions {
  readonly readOnly?: boolean;
  /** 512 unless the block device has larger ones. */
  readonly blockBytes?: 512 | 4096;
  /** Takes UNMAP. An image is thin unless told otherwise, a block device only when told so. */
  readonly thin?: boolean;
  readonly cache?: CacheMode;
  /** Creates a sparse image where there is none; lengthens a shorter one; a longer one is refused. A multiple of `blockBytes`. */
  readonly sizeBytes?: number;
  /** Against other openers; without it, "exclusive", or "shared" where it is read-only. */
  readonly lock?: "exclusive" | "shared" | "none";
  /** Asked right before each system call that reads or writes; only with cache "none". Where it says no, the I/O ends as not ready. A sync is not asked about: past the page cache it only empties the device's own. */
  readonly permit?: Permit;
  /** Of earlier openings of the same device: after a sync has failed, none succeeds over the same data. */
  readonly syncs?: SyncHistory;
}

/**
 * Opens an image or a block device. An image whose length is not a whole number of blocks is used
 * but for its last part of a block.
 * @throws UserError in one sentence: missing, a directory, no permission, in use, of a wrong size, no O_DIRECT.
 */
export function openDevice(path: string, options: DeviceOptions = {}): FileDevice {
  widenThreadPool();
  const { sizeBytes, blockBytes = 512 } = options;
  if (sizeBytes !== undefined && (!Number.isSafeInteger(sizeBytes) || sizeBytes <= 0 || sizeBytes % blockBytes !== 0)) {
    throw new UserError(
      "DEVICE_SIZE",
      `${path} cannot be ${sizeBytes} bytes long: give a size that is a multiple of its blocks of ${blockBytes} bytes.`,
    );
  }
  const file = openFile(path, { ...options, direct: options.cache === "none" });
  try {
    return deviceOf(file, options);
  } catch (error) {
    closeSync(file.fd);
    throw error;
  }
}

function deviceOf(file: OpenedFile, options: DeviceOptions): FileDevice {
  const isDirect = options.cache === "none";
  const smallest = isDirect ? directBlockBytes(file) : 512;
  const blockBytes = options.blockBytes ?? file.logicalBlockBytes;
  if (blockBytes !== 512 && blockBytes !== 4096) {
    throw new UserError(
      "DEVICE_UNSUITABLE",
      `${file.path} has blocks of ${blockBytes} bytes: name a device with 512 or 4096.`,
    );
  }
  if (blockBytes < smallest) {
    throw new UserError(
      "DEVICE_UNSUITABLE",
      `${file.path} can be used past the page cache in blocks of ${smallest} bytes only, not of ${blockBytes}: set the block size to ${smallest}, or leave cache=none out.`,
    );
  }
  if (file.sizeBytes < blockBytes) {
    throw new UserError(
      "DEVICE_SIZE",
      `${file.path} holds ${file.sizeBytes} bytes, less than one block: give a size to make an image of it.`,
    );
  }
  return new FileDevice(file, partsOf(file.fd, isDirect, options), {
    blockBytes,
    readOnly: options.readOnly ?? false,
    thin: options.thin ?? !file.isBlockDevice,
    writeThrough: options.cache === "writethrough",
  });
}

function partsOf(fd: number, isDirect: boolean, { permit, syncs }: DeviceOptions): FileDeviceParts {
  const threads = new ThreadQueue(permit);
  const engine = isDirect ? new DirectEngine(fd, threads) : pageCacheEngine(fd, threads);
  return { engine, threads, syncs: new SyncGroup(fd, fdatasync, syncs) };
}

/** statfs(2) types of file systems in memory (linux/magic.h): tmpfs, ramfs. */
const MEMORY_FILE_SYSTEMS: ReadonlySet<number> = new Set([0x0102_1994, 0x8584_58f6]);

function pageCacheEngine(fd: number, threads: ThreadQueue): IoEngine {
  if (canReadWithoutWaiting(fd)) return new PageCacheEngine(fd, "nowait", threads);
  const isMemory = MEMORY_FILE_SYSTEMS.has(statfsSync(`/proc/self/fd/${fd}`).type);
  return new PageCacheEngine(fd, isMemory ? "memory" : "pool", threads);
}

/** What the file system or device takes with O_DIRECT. Asked by a read: statx tells it only on newer kernels, and not everywhere. */
function directBlockBytes({ fd, logicalBlockBytes }: OpenedFile): number {
  try {
    readSync(fd, new AlignedBuffers().take(4096), 0, logicalBlockBytes, 0);
    return logicalBlockBytes;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EINVAL") throw error;
    return 4096;
  }
}
