/** System calls on open files that Node lacks (fallocate(2), flock(2), ioctl(2)). */
import { checked, libc } from "./libc.ts";

const fallocateCall = libc.func("int fallocate(int fd, int mode, int64_t offset, int64_t length)");
const flockCall = libc.func("int flock(int fd, int operation)");
const ioctlCall = libc.func("int ioctl(int fd, unsigned long request, _Out_ uint64_t *value)");

const KEEP_SIZE = 0x01;
const PUNCH_HOLE = 0x02;
const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const BLKGETSIZE64 = 0x80081272;

/** Gives the blocks of the range back to the file system; it reads as zeros. @throws SystemCallError EOPNOTSUPP where the file system cannot. */
export function punchHole(fd: number, offset: number, length: number): void {
  checked("fallocate", fallocateCall(fd, PUNCH_HOLE | KEEP_SIZE, offset, length));
}

/** Takes the lock without waiting; false where somebody else's is in the way. It goes with the last descriptor of this open file. */
export function tryLock(fd: number, kind: "exclusive" | "shared"): boolean {
  return flockCall(fd, (kind === "exclusive" ? LOCK_EX : LOCK_SH) | LOCK_NB) === 0;
}

/** Size of an open block device, bytes. */
export function blockDeviceBytes(fd: number): number {
  const value = [0];
  checked("ioctl BLKGETSIZE64", ioctlCall(fd, BLKGETSIZE64, value));
  return Number(value[0]);
}
