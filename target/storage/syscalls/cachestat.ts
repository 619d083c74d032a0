/** cachestat(2): whether the page cache has all of a range of a file. Linux 6.5 and later; the C library has no name for it yet. */
import { addressAsNumber, libc } from "./libc.ts";

const syscall = libc.func("long syscall(long number, int fd, uintptr_t range, uintptr_t found, uint32_t flags)");
const getpagesize = libc.func("int getpagesize()");

/** The same on all architectures that Node runs on (include/uapi/asm-generic/unistd.h). */
const SYS_CACHESTAT = 451;
const PAGE_BYTES = getpagesize() as number;

/** struct cachestat_range: offset and length; both below 2^53, written as halves. */
const range = new Uint32Array(new ArrayBuffer(16));
const rangeAddress = addressAsNumber(new Uint8Array(range.buffer));
/** struct cachestat: five counts of pages, the first of which is `nr_cache`. */
const found = new Uint32Array(new ArrayBuffer(40));
const foundAddress = addressAsNumber(new Uint8Array(found.buffer));
const HALF = 2 ** 32;

/** False where it does not have all of it, and where the kernel cannot tell. A microsecond for 256 KiB. */
export function isCached(fd: number, offset: number, length: number): boolean {
  range[0] = offset;
  range[1] = offset / HALF;
  range[2] = length;
  range[3] = length / HALF;
  if (syscall(SYS_CACHESTAT, fd, rangeAddress, foundAddress, 0) !== 0) return false;
  const pages = Math.floor((offset + length - 1) / PAGE_BYTES) - Math.floor(offset / PAGE_BYTES) + 1;
  return found[0] === pages;
}
