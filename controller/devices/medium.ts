/** Storage devices as the controller has them: what it does to them, where they come from, labels, and the lock that keeps others off. */
import {
  closeSync,
  constants,
  existsSync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  realpathSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { type DeviceLabel, decodeLabel, encodeLabel, LABEL_BYTES } from "node-iscsi-target/storage/label.ts";
import { blockDeviceSizes } from "node-iscsi-target/storage/syscalls/block-ioctl.ts";
import { tryLock } from "node-iscsi-target/storage/syscalls/locks.ts";
import { Refusal } from "../user-error.ts";
import { FileMedium } from "./file-medium.ts";
import { signature } from "./signature.ts";

/** An open storage device, as the logic needs it; a simulator has its own. */
export interface Medium {
  readonly sizeBytes: number;
  /** Fills the whole of `into`; it and what is written lie at multiples of 4096 in memory. Rejects where the medium cannot be read. */
  read(offset: number, into: Uint8Array): Promise<void>;
  write(offset: number, from: Uint8Array): Promise<void>;
  /** The range reads as zeros; its blocks are given back where the medium can do that. */
  zero(offset: number, length: number): Promise<void>;
  /** What was written or zeroed before is durable when this resolves. Once it has rejected it always does, until the device is opened anew: what a sync has lost no later one brings. */
  sync(): Promise<void>;
  /** Begins to bring a range that was written to the medium, so that a `sync` finds less to do. Absent: there is nothing to begin. */
  writeOut?(offset: number, length: number): Promise<void>;
  /** Past the page cache (O_DIRECT) from now on, or through it again; what it held is on the medium then. Absent: there is no cache. @throws Refusal where that cannot be */
  bypassCache?(isBypassed: boolean): void;
  close(): void;
}

export interface Adopted {
  readonly medium: Medium;
  readonly created: boolean;
}

/** Where storage devices come from. */
export interface MediumSource {
  /** One name for one device, whatever links lead to it. */
  canonicalPath(path: string): string;
  /** Opens a device of ours. @throws Refusal where it is gone, in use, or another. */
  open(path: string, uuid: string): Medium;
  /** Makes a device ours: creates the image where there is none, refuses what holds something else, writes the label. */
  adopt(path: string, label: DeviceLabel, options: { sizeBytes?: number; force?: boolean }): Adopted;
  /** Takes the label away again, so that the device is anybody's; an image that was created for us goes away. */
  release(path: string, created: boolean): void;
}

/** Image files and block devices. */
export const fileMedia: MediumSource = {
  canonicalPath: (path) => (existsSync(path) ? realpathSync(path) : path),
  open: openMedium,
  adopt: adoptMedium,
  release: releaseMedium,
};

function openMedium(path: string, uuid: string): Medium {
  const fd = open(path, constants.O_RDWR);
  try {
    if (lockedLabel(fd, path)?.uuid !== uuid) {
      throw new Refusal("label", `${path} does not carry the label of device ${uuid}; put the right device there.`);
    }
    return new FileMedium(fd, sizeOf(fd), path);
  } catch (error) {
    closeSync(fd);
    throw explained(path, error);
  }
}

function adoptMedium(path: string, label: DeviceLabel, options: { sizeBytes?: number; force?: boolean }): Adopted {
  const created = !existsSync(path);
  if (created && options.sizeBytes === undefined) {
    throw new Refusal(
      "missing",
      `${path} does not exist; give its size (${path}:1GiB) to create an image there, or name a device that exists.`,
    );
  }
  if (created && !existsSync(dirname(path))) {
    throw new Refusal(
      "missing",
      `${path} cannot be created, since there is no directory ${dirname(path)}; make it, or name another place.`,
    );
  }
  const fd = open(path, constants.O_RDWR | (created ? constants.O_CREAT | constants.O_EXCL : 0));
  try {
    const old = lockedLabel(fd, path);
    if (created) ftruncateSync(fd, options.sizeBytes);
    else if (!options.force) refuseForeign(path, old, label.cluster);
    const sizeBytes = sizeOf(fd);
    if (sizeBytes < 2 * label.segmentBytes) {
      throw new Refusal(
        "too-small",
        `${path} has ${sizeBytes} bytes; a device needs at least two segments of ${label.segmentBytes} bytes.`,
      );
    }
    writeSync(fd, encodeLabel(label), 0, LABEL_BYTES, 0);
    fdatasyncSync(fd);
    return { medium: new FileMedium(fd, sizeBytes, path), created };
  } catch (error) {
    closeSync(fd);
    if (created) unlinkSync(path);
    throw explained(path, error);
  }
}

function releaseMedium(path: string, created: boolean): void {
  if (!existsSync(path)) return;
  if (created) return unlinkSync(path);
  const fd = open(path, constants.O_RDWR);
  try {
    writeSync(fd, Buffer.alloc(LABEL_BYTES), 0, LABEL_BYTES, 0);
    fdatasyncSync(fd);
  } catch (error) {
    throw explained(path, error);
  } finally {
    closeSync(fd);
  }
}

function refuseForeign(path: string, label: DeviceLabel | undefined, cluster: string): void {
  if (label !== undefined) {
    const owner =
      label.cluster === cluster ? "this lab already uses it" : `it belongs to the lab with cluster id ${label.cluster}`;
    throw new Refusal(
      "labelled",
      `${path} is refused: ${owner}; name another device, or force it if what it holds may be lost.`,
    );
  }
  const found = signature(path);
  if (found !== undefined) {
    throw new Refusal(
      "not-empty",
      `${path} is refused: it holds ${found}; name another device, or force it if what it holds may be lost.`,
    );
  }
}

function lockedLabel(fd: number, path: string): DeviceLabel | undefined {
  if (!tryLock(fd, "exclusive")) {
    throw new Refusal(
      "in-use",
      `${path} is in use by another lab or process; stop that first, or name another device.`,
    );
  }
  const buffer = Buffer.alloc(LABEL_BYTES);
  readSync(fd, buffer, 0, LABEL_BYTES, 0);
  return decodeLabel(buffer);
}

function sizeOf(fd: number): number {
  const stat = fstatSync(fd);
  return stat.isBlockDevice() ? blockDeviceSizes(fd).sizeBytes : stat.size;
}

function open(path: string, flags: number): number {
  try {
    return openSync(path, flags, 0o600);
  } catch (error) {
    throw explained(path, error);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "does not exist; bring it back, or evacuate and remove the device",
  ENOTDIR: "cannot be: a part of the path is not a directory",
  EISDIR: "is a directory; name an image file or a block device",
  EACCES: "may not be opened by this user; change its permissions",
  ENOSPC: "cannot be made: the file system is full; free space there, or name another place",
  EFBIG: "cannot be as large as that on its file system; choose a smaller size",
  EDQUOT: "cannot be made: this user's quota of the file system is full; free space there, or name another place",
  EIO: "fails: its medium is broken; name another device",
  EROFS: "lies on a read-only file system; name another place",
};

function explained(path: string, error: unknown): unknown {
  const reason = REASONS[(error as NodeJS.ErrnoException).code ?? ""];
  return reason === undefined
    ? error
    : new Refusal(
        (error as NodeJS.ErrnoException).code as string,
        `${path} ${reason}.`,
        reason.includes("full") ? 507 : 409,
      );
}
