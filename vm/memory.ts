/**
 * How much memory a guest wants. It has its whole system there: the kernel unpacks it into a file system that may take half
 * of the memory, or all of it where that is too little. The figures are not in `image/`, whose every change makes all images anew.
 */
import type { Addition } from "./image/additions.ts";

export const MIN_MEMORY_MIB = 192;

/** With less than this, half of the memory is too little for a guest's system: 200 are just enough. */
export const LIMITED_ROOT_MIB = 208;

/** What a guest wants that has nothing else: fence_scsi was seen to run with 304 and not with 288, fio with 416 and not with 400. */
export const ADDITION_MEMORY_MIB: Readonly<Record<Addition, number>> = { "fence-agents": 320, fio: 448 };

/** What a guest with all of these wants at least: each adds what it adds alone. */
export function memoryWantedMiB(additions: readonly Addition[]): number {
  const added = additions.map((name) => ADDITION_MEMORY_MIB[name] - LIMITED_ROOT_MIB);
  return added.length === 0 ? MIN_MEMORY_MIB : added.reduce((sum, mib) => sum + mib, LIMITED_ROOT_MIB);
}
