/**
 * I/O past the page cache (O_DIRECT): for devices that other machines use too, whose page caches
 * would not agree with this one's, and where hosts cache enough themselves.
 *
 * The kernel wants memory, offsets and lengths aligned. Buffers of the caller lie anywhere, so the
 * data takes a step in aligned memory; that copy costs little beside a medium.
 */
import { type IoResult, OK } from "../block-device.ts";
import { AlignedBuffers } from "./aligned-buffers.ts";
import type { IoEngine, IoMode } from "./engine.ts";
import type { ThreadQueue } from "./thread-queue.ts";
import { readAll, totalBytes, writeAll } from "./transfer.ts";

/** A larger request takes several steps. */
const STEP_BYTES = 1024 * 1024;

export class DirectEngine implements IoEngine {
  readonly mode: IoMode = "direct";
  readonly #fd: number;
  readonly #threads: ThreadQueue;
  readonly #buffers = new AlignedBuffers();

  constructor(fd: number, threads: ThreadQueue) {
    this.#fd = fd;
    this.#threads = threads;
  }

  read(offset: number, into: Uint8Array): Promise<IoResult> {
    return this.#inSteps(into.length, async (at, step) => {
      const result = await readAll(this.#fd, offset + at, step, 0, this.#threads.permit);
      into.set(step, at);
      return result;
    });
  }

  write(offset: number, from: readonly Uint8Array[]): Promise<IoResult> {
    const source = new Gather(from);
    return this.#inSteps(totalBytes(from), (at, step) => {
      source.fill(step);
      return writeAll(this.#fd, offset + at, [step], step.length, this.#threads.permit);
    });
  }

  #inSteps(length: number, move: (at: number, step: Uint8Array) => Promise<IoResult>): Promise<IoResult> {
    return this.#threads.run(async () => {
      const buffer = this.#buffers.take(Math.min(length, STEP_BYTES));
      try {
        for (let at = 0; at < length; at += STEP_BYTES) {
          const result = await move(at, buffer.subarray(0, Math.min(STEP_BYTES, length - at)));
          if (result !== OK) return result;
        }
        return OK;
      } finally {
        this.#buffers.give(buffer);
      }
    });
  }
}

/** Reads pieces one after another as if they were one. */
class Gather {
  readonly #pieces: readonly Uint8Array[];
  #piece = 0;
  #used = 0;

  constructor(pieces: readonly Uint8Array[]) {
    this.#pieces = pieces;
  }

  /** Fills the whole of `into` with what comes next. */
  fill(into: Uint8Array): void {
    for (let at = 0; at < into.length; ) {
      const piece = this.#pieces[this.#piece] as Uint8Array;
      const part = piece.subarray(this.#used, this.#used + into.length - at);
      into.set(part, at);
      at += part.length;
      this.#used += part.length;
      if (this.#used === piece.length) {
        this.#piece += 1;
        this.#used = 0;
      }
    }
  }
}
