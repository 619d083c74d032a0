/** Ranges of zeros in a file or block device: given back to it, or kept; written out where it cannot do either. */
import { type IoResult, OK } from "./block-device.ts";
import type { IoEngine } from "./engine/engine.ts";
import { outcomeOf } from "./engine/outcome.ts";
import type { ThreadQueue } from "./engine/thread-queue.ts";
import { punchHole, zeroRange } from "./syscalls/fallocate.ts";

type RangeCall = (fd: number, offset: number, length: number) => Promise<void>;

const UNSUPPORTED: ReadonlySet<string | undefined> = new Set(["EOPNOTSUPP", "ENOSYS", "EINVAL"]);
const ZEROES = Buffer.alloc(1024 * 1024);

export class Zeroing {
  readonly #fd: number;
  readonly #engine: IoEngine;
  readonly #threads: ThreadQueue;
  /** What the file system refused once is not tried again. */
  readonly #refused = new Set<RangeCall>();

  constructor(fd: number, engine: IoEngine, threads: ThreadQueue) {
    this.#fd = fd;
    this.#engine = engine;
    this.#threads = threads;
  }

  /** Gives the range back to the file system, where that can take it. */
  deallocate(offset: number, length: number): Promise<IoResult> {
    return this.#byKernel(punchHole, offset, length);
  }

  /** The range stays allocated. */
  zero(offset: number, length: number): Promise<IoResult> {
    return this.#byKernel(zeroRange, offset, length);
  }

  async #byKernel(call: RangeCall, offset: number, length: number): Promise<IoResult> {
    if (!this.#refused.has(call)) {
      const result = await this.#threads.run(() => this.#try(call, offset, length));
      if (!this.#refused.has(call)) return result;
    }
    return this.#writeOut(offset, length);
  }

  async #try(call: RangeCall, offset: number, length: number): Promise<IoResult> {
    try {
      await call(this.#fd, offset, length);
    } catch (error) {
      if (!UNSUPPORTED.has((error as NodeJS.ErrnoException).code)) return outcomeOf(error, offset);
      this.#refused.add(call);
    }
    return OK;
  }

  async #writeOut(offset: number, length: number): Promise<IoResult> {
    for (let at = 0; at < length; at += ZEROES.length) {
      const result = await this.#engine.write(offset + at, [ZEROES.subarray(0, length - at)]);
      if (result !== OK) return result;
    }
    return OK;
  }
}
