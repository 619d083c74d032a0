/**
 * fdatasync(2) for many: flushes that arrive while one is under way share the next.
 *
 * A flush covers every write acknowledged before it was asked for, so it may join a sync that has
 * not begun, and never one that has.
 *
 * After a sync has failed, the kernel has marked the pages clean and tells of the error once: the
 * next fdatasync would succeed over data that never reached the medium. So the failure is
 * remembered, and no later flush of this open device reports success; nor one of another opening
 * that is handed the same history, since the kernel tells nothing to who opens the file later.
 * For the same reason none does of an opening before which others may have been told something.
 */
import { fdatasync } from "node:fs";
import { type IoCompletion, type IoResult, OK } from "../block-device.ts";

/** Which data was lost is unknown, so the first byte of the device stands for all. */
const FAILED: IoResult = Object.freeze({ kind: "medium-error", offset: 0 });
const UNVOUCHED: IoResult = Object.freeze({ kind: "not-ready" });

/** fdatasync, or what a test puts in its place. */
export type Sync = (fd: number, done: (error: NodeJS.ErrnoException | null) => void) => void;

/** What became of a device's syncs. */
export interface SyncHistory {
  /** One has failed. */
  hasFailed: boolean;
  /** One may have failed, for others, before this opening: it is synced all the same, without success. */
  isUnvouched?: boolean;
  /** Called once, before anybody hears of it. */
  readonly onFailure?: () => void;
}

export class SyncGroup {
  readonly #fd: number;
  readonly #sync: Sync;
  readonly #history: SyncHistory;
  #running: Promise<IoResult> | undefined;
  #next: Promise<IoResult> | undefined;

  constructor(fd: number, sync: Sync = fdatasync, history: SyncHistory = { hasFailed: false }) {
    this.#fd = fd;
    this.#sync = sync;
    this.#history = history;
  }

  sync(): IoCompletion {
    if (this.#history.hasFailed) return FAILED;
    if (this.#running === undefined) {
      this.#running = this.#run();
      return this.#running;
    }
    this.#next ??= this.#afterwards(this.#running);
    return this.#next;
  }

  async #afterwards(running: Promise<IoResult>): Promise<IoResult> {
    await running;
    // From here on it has begun: whoever comes now waits for the one after it.
    this.#running = this.#next;
    this.#next = undefined;
    return this.#run();
  }

  async #run(): Promise<IoResult> {
    const error = await new Promise<unknown>((resolve) => this.#sync(this.#fd, resolve));
    if (error) this.#remember();
    // Whoever waits for this one has set #running to its own by now, or there is none.
    if (this.#next === undefined) this.#running = undefined;
    if (error || this.#history.hasFailed) return FAILED;
    return this.#history.isUnvouched === true ? UNVOUCHED : OK;
  }

  #remember(): void {
    if (this.#history.hasFailed) return;
    this.#history.hasFailed = true;
    this.#history.onFailure?.();
  }
}
