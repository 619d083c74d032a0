/** getrusage(2) of the calling thread: how often it has waited for something. */
import { addressOf, checked, libc } from "./libc.ts";

const getrusage = libc.func("int getrusage(int who, uintptr_t usage)");

/** <bits/resource.h>. */
const RUSAGE_THREAD = 1;
/** struct rusage: two timevals and fourteen longs, the thirteenth of which is `ru_nvcsw`. */
const RUSAGE_WORDS = 18;
const NVCSW = 16;

const usage = new BigUint64Array(new ArrayBuffer(RUSAGE_WORDS * 8));
const usageAddress = Number(addressOf(new Uint8Array(usage.buffer)));

/**
 * Voluntary context switches of this thread since it began: it grows where a system call waits, and
 * does not where the kernel takes the processor away. About a microsecond.
 */
export function threadWaits(): number {
  checked("getrusage", getrusage(RUSAGE_THREAD, usageAddress));
  return Number(usage[NVCSW]);
}
