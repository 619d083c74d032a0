/**
 * Reads that the page cache could not answer at once.
 *
 * A try that may not wait makes Linux bring the pages in all the same (6.x: readahead is begun
 * before it says EAGAIN). So not every such read needs a thread that waits for it: a few wait, and whenever
 * one of them is done the others are tried again in the loop. On eight threads a miss cost 47 µs of
 * processor time, most of it to put threads to sleep and wake them.
 *
 * Where trying again finds nothing (a kernel that brings nothing in, a disk that has to seek for
 * each), more wait at once, as many as the device may have threads; where it finds most, fewer.
 */
import { type IoResult, OK } from "../block-device.ts";
import { NOT_PERMITTED } from "./permit.ts";
import { DEVICE_THREADS, type ThreadQueue } from "./thread-queue.ts";

/** Tried again at once; what is behind them has come later. */
const TRIES = 32;
/** Pages come in the order in which they were asked for, more or less: behind so many that have not, hardly any has. */
const MISSES_IN_A_ROW = 4;
/** A thread that waits for longer than this does not keep the others: its page may be on a bad spot. */
const PATIENCE_MS = 2;

/** Of one descriptor. */
export interface Reads {
  /** Bytes that the page cache has, from the front of `into`. */
  readonly now: (offset: number, into: Uint8Array) => number;
  /** Fills `into` but for its first `done` bytes, on a thread. */
  readonly waiting: (offset: number, into: Uint8Array, done: number) => Promise<IoResult>;
}

interface Missed {
  readonly offset: number;
  readonly into: Uint8Array;
  done: number;
  readonly end: (result: IoResult) => void;
  /** For a bug: it is the reader's. */
  readonly fail: (bug: unknown) => void;
}

export class MissedReads {
  readonly #reads: Reads;
  readonly #threads: ThreadQueue;
  /** By age. */
  #queue: Missed[] = [];
  #waiting = 0;
  #mayWait = 1;
  #timer: NodeJS.Timeout | undefined;

  constructor(reads: Reads, threads: ThreadQueue) {
    this.#reads = reads;
    this.#threads = threads;
  }

  /** Fills `into`, whose first `done` bytes are there already. */
  read(offset: number, into: Uint8Array, done: number): Promise<IoResult> {
    return new Promise((end, fail) => {
      this.#queue.push({ offset, into, done, end, fail });
      this.#sendWaiting();
    });
  }

  #sendWaiting(): void {
    while (this.#waiting < this.#mayWait && this.#queue.length > 0) void this.#wait(this.#queue.shift() as Missed);
    if (this.#queue.length > 0) this.#timer ??= setTimeout(this.#impatient, PATIENCE_MS);
    else this.#forgetTimer();
  }

  async #wait({ offset, into, done, end, fail }: Missed): Promise<void> {
    this.#waiting += 1;
    await this.#threads.run(() => this.#reads.waiting(offset, into, done)).then(end, fail);
    this.#waiting -= 1;
    this.#forgetTimer();
    this.#tryAgain(MISSES_IN_A_ROW);
    this.#sendWaiting();
  }

  /** Until so many in a row are still missing. */
  #tryAgain(missesInARow: number): void {
    const queue = this.#queue;
    const missing: Missed[] = [];
    let tried = 0;
    for (let inARow = 0; tried < Math.min(TRIES, queue.length) && inARow < missesInARow; tried += 1) {
      const missed = queue[tried] as Missed;
      inARow = this.#isThere(missed) ? 0 : inARow + 1;
      if (inARow > 0) missing.push(missed);
    }
    if (tried === 0) return;
    this.#queue = [...missing, ...queue.slice(tried)];
    if (missing.length === tried) this.#mayWait = Math.min(DEVICE_THREADS, this.#mayWait + 1);
    else if (missing.length < tried / 2) this.#mayWait = Math.max(1, this.#mayWait - 1);
  }

  #isThere(missed: Missed): boolean {
    const { offset, into, end } = missed;
    const isPermitted = this.#threads.permit?.() !== false;
    const rest = missed.done === 0 ? into : into.subarray(missed.done);
    if (isPermitted) missed.done += this.#reads.now(offset + missed.done, rest);
    const isOver = !isPermitted || missed.done === into.length;
    if (isOver) end(isPermitted ? OK : NOT_PERMITTED);
    return isOver;
  }

  readonly #impatient = (): void => {
    this.#timer = undefined;
    this.#mayWait = Math.min(DEVICE_THREADS, this.#mayWait + 1);
    this.#tryAgain(TRIES);
    this.#sendWaiting();
  };

  #forgetTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
