/**
 * I/O through the kernel's page cache.
 *
 * A system call in the loop costs 1.3 µs where the page cache has the data, a trip through the
 * thread pool ten times that. So what will not wait is done in the same turn, and what may wait
 * goes to the pool: one slow device must not stall the sessions of others.
 *
 * Reads know beforehand (`IoMode`). Buffered writes do not: ext4 refuses RWF_NOWAIT for them. They
 * only copy into the page cache, until the kernel makes writers wait for its write-back, or a part
 * of a page has to be read first. So small writes go inline while they are quick (`write-pace.ts`),
 * and never on a file system whose reads cannot be told not to wait.
 */
import { writevSync } from "node:fs";
import { type IoCompletion, type IoResult, OK } from "../block-device.ts";
import { isCached } from "../syscalls/cachestat.ts";
import { readDirectly, readWithoutWaiting } from "../syscalls/preadv2.ts";
import { writeDirectly } from "../syscalls/pwrite.ts";
import type { IoEngine, IoMode } from "./engine.ts";
import { MissedReads } from "./missed-reads.ts";
import { outcomeOf } from "./outcome.ts";
import type { ThreadQueue } from "./thread-queue.ts";
import { after, before, readAll, totalBytes, writeAll } from "./transfer.ts";
import { PACE_CLOCK, type PaceClock, WritePace } from "./write-pace.ts";

/**
 * The page cache keeps what one call wrote in folios as large as that call, and a later write of a
 * few kilobytes into a folio walks over all of its blocks (Linux 6.16 and later on ext4: 8.5 µs in a
 * folio of 1 MiB, 3.3 in one of 64 KiB, 2.1 in one of 4 KiB). So large writes go in steps where they make new folios. Where all
 * of them are there they stay as they are, and each step would walk over a large one again (those that readahead has made
 * may have 2 MiB).
 */
const INLINE_STEP_BYTES = 64 * 1024;
/**
 * Writes larger than this come when a disk is filled, and what follows are small ones: they go in smaller steps, which cost
 * them 2 % more and let writes of 4 KiB that follow cost 11 % less.
 */
const FILLING_BYTES = 256 * 1024;
const FILLING_STEP_BYTES = 32 * 1024;
/** A trip to the pool for each step. */
const POOL_STEP_BYTES = 256 * 1024;

/**
 * Larger requests make others wait for longer than 0.2 ms, the time of a copy. A trip to the pool costs less
 * than that, but the pool's steps leave the page cache in larger folios.
 */
const INLINE_BYTES = 1024 * 1024;

export class PageCacheEngine implements IoEngine {
  readonly mode: IoMode;
  readonly #fd: number;
  readonly #threads: ThreadQueue;
  readonly #readNow: ((fd: number, into: Uint8Array, offset: number) => number) | undefined;
  readonly #missed: MissedReads;
  readonly #pace: WritePace;

  constructor(fd: number, mode: Exclude<IoMode, "direct">, threads: ThreadQueue, clock: PaceClock = PACE_CLOCK) {
    this.#fd = fd;
    this.mode = mode;
    this.#threads = threads;
    this.#pace = new WritePace(clock);
    this.#readNow = { nowait: readWithoutWaiting, memory: readDirectly, pool: undefined }[mode];
    this.#missed = new MissedReads(
      {
        now: (offset, into) => readWithoutWaiting(fd, into, offset),
        waiting: (offset, into, done) => readAll(fd, offset, into, done),
      },
      threads,
    );
  }

  read(offset: number, into: Uint8Array): IoCompletion {
    if (this.#readNow === undefined || into.length > INLINE_BYTES) {
      return this.#threads.run(() => readAll(this.#fd, offset, into));
    }
    const done = this.#readNow(this.#fd, into, offset);
    return done === into.length ? OK : this.#missed.read(offset, into, done);
  }

  write(offset: number, from: readonly Uint8Array[]): IoCompletion {
    const length = totalBytes(from);
    // A file system that cannot even say whether a read would wait (FUSE, NFS) may wait for ever.
    if (length > INLINE_BYTES || this.mode === "pool") {
      return this.#threads.run(() => writeAll(this.#fd, offset, from, POOL_STEP_BYTES));
    }
    if (this.#pace.mayWriteInline()) return this.#pace.inline(() => this.#writeInline(offset, from, length));
    return this.#threads.run(() => this.#pace.pooled(() => writeAll(this.#fd, offset, from, POOL_STEP_BYTES)));
  }

  #writeInline(offset: number, from: readonly Uint8Array[], length: number): IoResult {
    const stepBytes = this.#stepBytes(offset, length);
    let pieces = from;
    let at = 0;
    try {
      while (at < length) {
        const step = length - at > stepBytes ? before(pieces, stepBytes) : pieces;
        const [first] = step;
        const isOne = step.length === 1 && first !== undefined;
        const bytes = isOne ? writeDirectly(this.#fd, first, offset + at) : writevSync(this.#fd, step, offset + at);
        at += bytes;
        if (at < length) pieces = after(pieces, bytes);
      }
      return OK;
    } catch (error) {
      return outcomeOf(error, offset + at);
    }
  }

  #stepBytes(offset: number, length: number): number {
    if (length <= INLINE_STEP_BYTES || isCached(this.#fd, offset, length)) return length;
    return length > FILLING_BYTES ? FILLING_STEP_BYTES : INLINE_STEP_BYTES;
  }
}
