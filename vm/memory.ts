/**
 * How much memory a guest wants. It has its whole system there: the kernel unpacks it into a file system that may take half
 * of the memory. The figures are not in `image/`, whose every change makes all images anew.
 */
import type { Addition } from "./image/additions.ts";

/** Below this a guest cannot unpack its system, or only most of it: it needs some 200. */
export const MIN_MEMORY_MIB = 208;

/** What a guest wants that has nothing else: fence_scsi was seen to run with 304 and not with 288, fio with 416 and not with 400. */
export const ADDITION_MEMORY_MIB: Readonly<Record<Addition, number>> = { "fence-agents": 320, fio: 448 };

/** What a guest with all of these wants: each adds what it adds alone. */
export function memoryWantedMiB(additions: readonly Addition[]): number {
  return additions.reduce((sum, name) => sum + ADDITION_MEMORY_MIB[name] - MIN_MEMORY_MIB, MIN_MEMORY_MIB);
}
