/**
 * Locks on open files: flock(2) of the whole, and open file description locks of ranges (fcntl(2)).
 *
 * Both belong to the open file and go when its last descriptor is closed, however the process
 * ends; and neither is lost, as a POSIX lock is, when the process closes another descriptor of the
 * same file. They hold among the processes of one machine (and of NFS clients, where the server does).
 */
import { constants } from "node:os";
import { layout, uintLe } from "../../wire/layout.ts";
import { lastErrno, libc, SystemCallError } from "./libc.ts";

export type LockKind = "exclusive" | "shared";

const flockCall = libc.func("int flock(int fd, int operation)");
const fcntlCall = libc.func("int fcntl(int fd, int command, _Inout_ uint8_t *lock)");

const FLOCK: Readonly<Record<LockKind | "none", number>> = { shared: 1, exclusive: 2, none: 8 };
const LOCK_NB = 4;

const F_OFD_SETLK = 37;
const RANGE_LOCK: Readonly<Record<LockKind | "none", number>> = { shared: 0, exclusive: 1, none: 2 };
/** struct flock of 64-bit Linux; the process number stays 0, as open file description locks demand. */
const Flock = layout(32, { type: uintLe(0, 2), start: uintLe(8, 6), length: uintLe(16, 6) });

/** Takes the lock without waiting, or changes the one that is held; false where somebody else's is in the way. @throws SystemCallError */
export function tryLock(fd: number, kind: LockKind): boolean {
  return taken("flock", flockCall(fd, FLOCK[kind] | LOCK_NB));
}

export function unlock(fd: number): void {
  taken("flock", flockCall(fd, FLOCK.none));
}

/**
 * The same for a range of bytes, which need not exist; ranges are independent of each other and of `tryLock`.
 * An exclusive lock needs a descriptor open for writing, a shared one for reading. @throws SystemCallError
 */
export function tryLockRange(fd: number, kind: LockKind, offset: number, length: number): boolean {
  return setRange(fd, RANGE_LOCK[kind], offset, length);
}

export function unlockRange(fd: number, offset: number, length: number): void {
  setRange(fd, RANGE_LOCK.none, offset, length);
}

function setRange(fd: number, type: number, start: number, length: number): boolean {
  return taken("fcntl", fcntlCall(fd, F_OFD_SETLK, Flock.encode({ type, start, length })));
}

function taken(syscall: string, result: number): boolean {
  if (result >= 0) return true;
  const errno = lastErrno();
  if (errno === constants.errno.EAGAIN || errno === constants.errno.EACCES) return false;
  throw new SystemCallError(syscall, errno);
}
