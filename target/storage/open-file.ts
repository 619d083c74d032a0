/** Opening an image or block device: created on demand, sparse; locked; refused in one sentence. */
import { closeSync, constants, fstatSync, ftruncateSync, openSync, type Stats, unlinkSync } from "node:fs";
import { blockDeviceSizes } from "./syscalls/block-ioctl.ts";
import { tryLock } from "./syscalls/locks.ts";
import { UserError, type UserErrorCode } from "./user-error.ts";

export interface OpenOptions {
  readonly readOnly?: boolean;
  /** Creates a sparse image of this many bytes where there is no file, and lengthens one that is shorter. Never shortens one. */
  readonly sizeBytes?: number;
  /** Against other openers, by flock(2) of the whole. Without it, "exclusive", or "shared" where it is read-only. */
  readonly lock?: "exclusive" | "shared" | "none";
  /** Past the page cache (O_DIRECT). */
  readonly direct?: boolean;
}

export interface OpenedFile {
  readonly fd: number;
  readonly path: string;
  readonly sizeBytes: number;
  readonly isBlockDevice: boolean;
  /** The smallest request that the device takes past the page cache: its logical block; 512 for an image. */
  readonly logicalBlockBytes: number;
  /** What the device or file system allocates and writes at once. */
  readonly physicalBlockBytes: number;
  /** The image was not there before. */
  readonly created: boolean;
}

/** @throws UserError */
export function openFile(path: string, options: OpenOptions = {}): OpenedFile {
  const { fd, created } = openOrCreate(path, options);
  let isOurs = false;
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() && !stat.isBlockDevice()) {
      refuse("DEVICE_UNSUITABLE", `${path} is neither a file nor a block device: name an image or a block device.`);
    }
    lock(path, fd, options);
    isOurs = true;
    const file = stat.isBlockDevice() ? blockDevice(path, fd, options) : image(path, fd, stat, options);
    return { ...file, fd, path, created };
  } catch (error) {
    closeSync(fd);
    // Whoever was quicker to lock the new file uses it now.
    if (created && isOurs) unlinkSync(path);
    throw explained(path, error);
  }
}

type Opened = Omit<OpenedFile, "fd" | "path" | "created">;

function image(path: string, fd: number, { size, blksize }: Stats, { sizeBytes, readOnly }: OpenOptions): Opened {
  const found = { isBlockDevice: false, logicalBlockBytes: 512, physicalBlockBytes: blksize };
  if (sizeBytes === undefined || sizeBytes === size) return { ...found, sizeBytes: size };
  if (sizeBytes < size) {
    refuse(
      "DEVICE_SIZE",
      `${path} holds ${size} bytes and would be cut to ${sizeBytes}: leave the size out, or name another image.`,
    );
  }
  if (readOnly) {
    refuse("DEVICE_READ_ONLY", `${path} holds ${size} bytes and is opened read-only: leave the size out to use it.`);
  }
  ftruncateSync(fd, sizeBytes);
  return { ...found, sizeBytes };
}

function blockDevice(path: string, fd: number, options: OpenOptions): Opened {
  const { sizeBytes, logicalBlockBytes, physicalBlockBytes } = blockDeviceSizes(fd);
  if (options.sizeBytes !== undefined && options.sizeBytes !== sizeBytes) {
    refuse(
      "DEVICE_SIZE",
      `${path} is a block device of ${sizeBytes} bytes, which cannot be changed: leave the size out.`,
    );
  }
  return { isBlockDevice: true, sizeBytes, logicalBlockBytes, physicalBlockBytes };
}

function lock(path: string, fd: number, options: OpenOptions): void {
  const kind = options.lock ?? (options.readOnly ? "shared" : "exclusive");
  if (kind === "none" || tryLock(fd, kind)) return;
  refuse("DEVICE_IN_USE", `${path} is in use by another process: stop that, or name another image.`);
}

function openOrCreate(path: string, options: OpenOptions): { fd: number; created: boolean } {
  const mode = (options.readOnly ? constants.O_RDONLY : constants.O_RDWR) | (options.direct ? constants.O_DIRECT : 0);
  try {
    return { fd: openSync(path, mode), created: false };
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    if (!isMissing || options.sizeBytes === undefined || options.readOnly) throw explained(path, error);
  }
  try {
    return { fd: openSync(path, mode | constants.O_CREAT | constants.O_EXCL, 0o600), created: true };
  } catch (error) {
    throw explained(path, error);
  }
}

function refuse(code: UserErrorCode, sentence: string): never {
  throw new UserError(code, sentence);
}

const SENTENCES: Readonly<Record<string, readonly [UserErrorCode, string]>> = {
  ENOENT: [
    "DEVICE_MISSING",
    "does not exist: name one that does, or give a size to create an image in an existing directory.",
  ],
  ENOTDIR: ["DEVICE_MISSING", "cannot be reached, because a part of the path is not a directory: correct the path."],
  ELOOP: ["DEVICE_MISSING", "is a symbolic link that leads in a circle: correct the link."],
  ENAMETOOLONG: ["DEVICE_UNSUITABLE", "is too long a path: choose a shorter one."],
  EISDIR: ["DEVICE_UNSUITABLE", "is a directory: name an image file or a block device."],
  EACCES: ["DEVICE_FORBIDDEN", "may not be opened by this user: change its permissions, or run as its owner."],
  EPERM: [
    "DEVICE_FORBIDDEN",
    "may not be opened in this way: look whether it is immutable (lsattr), or run as its owner.",
  ],
  EBUSY: ["DEVICE_IN_USE", "is in use by the system: unmount it, or name another device."],
  ETXTBSY: ["DEVICE_IN_USE", "is a program that runs: name an image."],
  EROFS: ["DEVICE_READ_ONLY", "lies on a file system that is mounted read-only: open it with ro, or name another."],
  ENOSPC: [
    "DEVICE_NO_SPACE",
    "cannot be made, because its file system is full: free some space, or choose another place.",
  ],
  EDQUOT: [
    "DEVICE_NO_SPACE",
    "cannot be made, because the disk quota is used up: free some space, or choose another place.",
  ],
  EFBIG: ["DEVICE_SIZE", "cannot be that large on its file system: give a smaller size, or choose another place."],
  EINVAL: [
    "DEVICE_UNSUITABLE",
    "lies on a file system that cannot bypass the page cache: leave cache=none out, or choose another place.",
  ],
  ENXIO: ["DEVICE_UNSUITABLE", "is a device file without a device: name another."],
  ENODEV: ["DEVICE_UNSUITABLE", "is a device file without a device: name another."],
  EMFILE: ["DEVICE_FAILED", "cannot be opened, because too many files are open: raise the limit (ulimit -n)."],
  ENFILE: ["DEVICE_FAILED", "cannot be opened, because too many files are open on this machine: close some programs."],
  EIO: ["DEVICE_FAILED", "cannot be opened, because its medium fails (input/output error): check it (dmesg)."],
};

/** What the system refused, as a sentence; anything else is a bug and stays as it is. */
function explained(path: string, error: unknown): unknown {
  if (error instanceof UserError) return error;
  const known = SENTENCES[(error as NodeJS.ErrnoException).code ?? ""];
  return known === undefined ? error : new UserError(known[0], `${path} ${known[1]}`, { cause: error });
}
