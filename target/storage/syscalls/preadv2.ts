/** preadv2(2) with RWF_NOWAIT: a read that takes what the page cache has and never waits for the medium. */
import { constants } from "node:os";
import { addressAsNumber, lastErrno, libc } from "./libc.ts";

const preadv2 = libc.func("int64_t preadv2(int fd, uintptr_t iovec, int count, int64_t offset, int flags)");

const RWF_NOWAIT = 0x8;

/**
 * One struct iovec for all reads: they are synchronous, so no two use it at once. Making one per read doubles the cost.
 * Its address and length are written as halves: a BigInt for each would cost another 90 ns.
 */
const iovec = new Uint32Array(new ArrayBuffer(16));
const iovecAddress = addressAsNumber(new Uint8Array(iovec.buffer));
const HALF = 2 ** 32;

/** Bytes read, from the front of `into`: all, some, or none where the read would have to wait, is past the end, or fails. Whoever gets less asks again in a way that may wait, and learns why. */
export function readWithoutWaiting(fd: number, into: Uint8Array, offset: number): number {
  return Math.max(0, readNow(fd, into, offset, RWF_NOWAIT));
}

/** As above, but waits: only for a file whose reads never take long (memory). */
export function readDirectly(fd: number, into: Uint8Array, offset: number): number {
  return Math.max(0, readNow(fd, into, offset, 0));
}

/** Whether the file system takes RWF_NOWAIT for reads (ext4, xfs, btrfs and block devices do, tmpfs does not). */
export function canReadWithoutWaiting(fd: number): boolean {
  return readNow(fd, new Uint8Array(new ArrayBuffer(1)), 0, RWF_NOWAIT) >= 0 || lastErrno() === constants.errno.EAGAIN;
}

function readNow(fd: number, into: Uint8Array, offset: number, flags: number): number {
  const address = addressAsNumber(into);
  iovec[0] = address;
  iovec[1] = address / HALF;
  iovec[2] = into.length;
  return preadv2(fd, iovecAddress, 1, offset, flags);
}
