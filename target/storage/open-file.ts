/** Opening an image or block device: created on demand, sparse; locked; refused in one sentence. */
import { closeSync, constants, fstatSync, ftruncateSync, openSync, unlinkSync } from "node:fs";
import { blockDeviceSizes } from "./syscalls/block-ioctl.ts";
import { tryLock } from "./syscalls/locks.ts";
import { UserError } from "./user-error.ts";

export interface OpenOptions {
  readonly readOnly?: boolean;
  /** Creates a sparse image of this many bytes where there is no file. A file that exists keeps its size. */
  readonly sizeBytes?: number;
  /** Locked against a second opener unless "none". */
  readonly lock?: "exclusive" | "shared" | "none";
}

export interface OpenedFile {
  readonly fd: number;
  readonly sizeBytes: number;
  readonly isBlockDevice: boolean;
  /** The image was not there before. */
  readonly created: boolean;
}

export function openFile(path: string, options: OpenOptions): OpenedFile {
  const { fd, created } = openOrCreate(path, options);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() && !stat.isBlockDevice()) {
      throw new UserError(
        "not-a-device",
        `${path} is neither a file nor a block device; name an image or a block device.`,
      );
    }
    if (options.lock !== "none" && !tryLock(fd, options.lock ?? (options.readOnly ? "shared" : "exclusive"))) {
      throw new UserError("in-use", `${path} is in use by another process; stop it, or name another image.`);
    }
    if (created && options.sizeBytes !== undefined) ftruncateSync(fd, options.sizeBytes);
    const sizeBytes = stat.isBlockDevice() ? blockDeviceSizes(fd).sizeBytes : fstatSync(fd).size;
    if (sizeBytes === 0)
      throw new UserError("empty", `${path} is empty; give its size (size=1GiB) to make an image of it.`);
    return { fd, sizeBytes, isBlockDevice: stat.isBlockDevice(), created };
  } catch (error) {
    closeSync(fd);
    if (created) unlinkSync(path);
    throw error;
  }
}

function openOrCreate(path: string, options: OpenOptions): { fd: number; created: boolean } {
  const mode = options.readOnly ? constants.O_RDONLY : constants.O_RDWR;
  try {
    return { fd: openSync(path, mode), created: false };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" || options.sizeBytes === undefined) throw explained(path, code);
  }
  try {
    return { fd: openSync(path, mode | constants.O_CREAT | constants.O_EXCL, 0o600), created: true };
  } catch (error) {
    throw explained(path, (error as NodeJS.ErrnoException).code);
  }
}

const SENTENCES: Readonly<Record<string, (path: string) => string>> = {
  ENOENT: (path) => `${path} does not exist; give a size to create an image there, or name one that exists.`,
  EACCES: (path) => `${path} may not be opened by this user; change its permissions, or run as its owner.`,
  EISDIR: (path) => `${path} is a directory; name an image file or a block device.`,
  EROFS: (path) => `${path} lies on a file system that is mounted read-only; open it with ro, or name another.`,
  ENOSPC: (path) => `${path} cannot be made: the file system is full; free space there, or name another place.`,
  ENOTDIR: (path) => `${path} cannot be: a part of the path is not a directory.`,
};

function explained(path: string, code: string | undefined): UserError {
  const sentence = SENTENCES[code ?? ""]?.(path) ?? `${path} cannot be opened (${code}).`;
  return new UserError(code ?? "cannot-open", sentence);
}
