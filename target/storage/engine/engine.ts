/** How bytes move between a descriptor and memory. A device has one engine, chosen when it is opened. */
import type { IoCompletion } from "../block-device.ts";

/**
 * - `nowait`: reads try the page cache in the same turn, and go to the thread pool for what misses.
 * - `memory`: the file system keeps files in memory, so that reads never wait: all in the same turn.
 * - `pool`: the file system cannot read without waiting; every read goes to the thread pool.
 * - `direct`: past the page cache (O_DIRECT), on the thread pool.
 */
export type IoMode = "nowait" | "memory" | "pool" | "direct";

export interface IoEngine {
  readonly mode: IoMode;
  /** Fills the whole of `into`. */
  read(offset: number, into: Uint8Array): IoCompletion;
  /** Writes the pieces one after another; what was written is in the page cache or the device's own, not yet on the medium. */
  write(offset: number, from: readonly Uint8Array[]): IoCompletion;
}
