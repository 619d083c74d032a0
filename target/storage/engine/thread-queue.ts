/**
 * A device's share of libuv's thread pool.
 *
 * All devices of the process share the pool. A device that hangs (a dead disk, a lost NFS server)
 * keeps its threads, so each may have only a few of them: what is more waits here.
 */
import type { IoResult } from "../block-device.ts";
import { NOT_PERMITTED, type Permit } from "./permit.ts";

/** Of one device at once. */
export const DEVICE_THREADS = 8;
/** Of the process; threads start with the first use of the pool, and sleep when idle. */
const POOL_THREADS = 64;

/** Makes the pool wide enough for several devices that hang. Works until the pool is first used; libuv reads the variable then. */
export function widenThreadPool(): void {
  process.env.UV_THREADPOOL_SIZE ??= String(POOL_THREADS);
}

export class ThreadQueue {
  /** Asked when a job's turn has come; absent: nobody need be asked. */
  readonly permit: Permit | undefined;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(permit?: Permit) {
    this.permit = permit;
  }

  /** Runs `job` when one of the device's threads is free; settles as it does. */
  async run(job: () => Promise<IoResult>): Promise<IoResult> {
    if (this.#running < DEVICE_THREADS) this.#running += 1;
    else await new Promise<void>((go) => this.#waiting.push(go));
    try {
      return this.permit?.() === false ? NOT_PERMITTED : await job();
    } finally {
      this.#release();
    }
  }

  /** Hands the place on to the one that has waited longest. */
  #release(): void {
    const next = this.#waiting.shift();
    if (next !== undefined) return next();
    this.#running -= 1;
  }
}
