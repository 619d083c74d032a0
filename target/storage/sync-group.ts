/**
 * fdatasync for many: flushes that arrive while one is under way share the next.
 *
 * A flush covers every write acknowledged before it was asked for, so it may join a sync that has
 * not begun, and never one that has. After a sync has failed the kernel may have dropped the
 * dirty pages and forgotten the error (fsync reports it once), so the failure is remembered: no
 * later flush of this open device reports success.
 */
import { fdatasync } from "node:fs";
import { type IoCompletion, type IoResult, OK } from "./block-device.ts";

const FAILED: IoResult = Object.freeze({ kind: "medium-error", offset: 0 });

export class SyncGroup {
  readonly #fd: number;
  #failed = false;
  #running: Promise<IoResult> | undefined;
  #next: Promise<IoResult> | undefined;

  constructor(fd: number) {
    this.#fd = fd;
  }

  sync(): IoCompletion {
    if (this.#failed) return FAILED;
    if (this.#running === undefined) return this.#begin();
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      return this.#begin();
    });
    return this.#next;
  }

  #begin(): Promise<IoResult> {
    const run = new Promise<IoResult>((resolve) => {
      fdatasync(this.#fd, (error) => {
        if (error) this.#failed = true;
        resolve(this.#failed ? FAILED : OK);
      });
    });
    this.#running = run;
    void run.then(() => {
      if (this.#running === run) this.#running = undefined;
    });
    return run;
  }

  /** Waits for what is under way. */
  async idle(): Promise<void> {
    await this.#next;
    await this.#running;
  }
}
