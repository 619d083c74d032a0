/**
 * How bytes move between a descriptor and memory.
 *
 * A system call in the loop costs about 1.4 µs where the page cache has the data; libuv's thread
 * pool costs ten times that. So small requests go inline. What may take long must not stall the
 * sessions of others: large requests go to the pool, and a device whose last inline call took
 * longer than SLOW_MS is served by the pool alone for a while.
 */
import { read, readSync, writev, writevSync } from "node:fs";
import { type IoCompletion, type IoResult, OK } from "./block-device.ts";

const INLINE_BYTES = 256 * 1024;
const SLOW_MS = 5;
const PENALTY_MS = 1000;

export class IoPath {
  readonly #fd: number;
  #pooledUntilMs = 0;
  readonly #outstanding = new Set<Promise<IoResult>>();

  constructor(fd: number) {
    this.#fd = fd;
  }

  read(offset: number, into: Uint8Array): IoCompletion {
    if (into.length > INLINE_BYTES || this.#pooled()) return this.#track(this.#readPooled(offset, into));
    const began = performance.now();
    try {
      for (let at = 0; at < into.length; ) {
        const bytes = readSync(this.#fd, into, at, into.length - at, offset + at);
        if (bytes === 0) return { kind: "medium-error", offset: offset + at };
        at += bytes;
      }
      return OK;
    } catch (error) {
      return outcome(error, offset);
    } finally {
      this.#judge(began);
    }
  }

  /** The pieces one after another, in one system call where the kernel takes them whole. */
  write(offset: number, from: readonly Uint8Array[]): IoCompletion {
    const length = totalBytes(from);
    if (length > INLINE_BYTES || this.#pooled()) return this.#track(this.#writePooled(offset, from, length));
    const began = performance.now();
    try {
      let pieces = from;
      for (let at = 0; at < length; ) {
        const bytes = writevSync(this.#fd, pieces, offset + at);
        at += bytes;
        if (at < length) pieces = after(pieces, bytes);
      }
      return OK;
    } catch (error) {
      return outcome(error, offset);
    } finally {
      this.#judge(began);
    }
  }

  async idle(): Promise<void> {
    await Promise.all(this.#outstanding);
  }

  #pooled(): boolean {
    return this.#pooledUntilMs !== 0 && performance.now() < this.#pooledUntilMs;
  }

  #judge(beganMs: number): void {
    const now = performance.now();
    this.#pooledUntilMs = now - beganMs > SLOW_MS ? now + PENALTY_MS : 0;
  }

  #track(run: Promise<IoResult>): Promise<IoResult> {
    this.#outstanding.add(run);
    void run.then(() => this.#outstanding.delete(run));
    return run;
  }

  async #readPooled(offset: number, into: Uint8Array): Promise<IoResult> {
    for (let at = 0; at < into.length; ) {
      const { error, bytes } = await call((done) => read(this.#fd, into, at, into.length - at, offset + at, done));
      if (error) return outcome(error, offset);
      if (bytes === 0) return { kind: "medium-error", offset: offset + at };
      at += bytes;
    }
    return OK;
  }

  async #writePooled(offset: number, from: readonly Uint8Array[], length: number): Promise<IoResult> {
    let pieces = from;
    for (let at = 0; at < length; ) {
      const { error, bytes } = await call((done) => writev(this.#fd, pieces, offset + at, done));
      if (error) return outcome(error, offset);
      at += bytes;
      pieces = after(pieces, bytes);
    }
    return OK;
  }
}

type Done = (error: NodeJS.ErrnoException | null, bytes: number) => void;

function call(start: (done: Done) => void): Promise<{ error: NodeJS.ErrnoException | null; bytes: number }> {
  return new Promise((resolve) => start((error, bytes) => resolve({ error, bytes })));
}

const RESULTS: Readonly<Record<string, (offset: number) => IoResult>> = {
  EIO: (offset) => ({ kind: "medium-error", offset }),
  ENOSPC: () => ({ kind: "no-space" }),
  EDQUOT: () => ({ kind: "no-space" }),
  EROFS: () => ({ kind: "write-protected" }),
  EPERM: () => ({ kind: "write-protected" }),
  ENODEV: () => ({ kind: "not-ready" }),
  ENXIO: () => ({ kind: "not-ready" }),
};

/** The neutral result of a failed system call; what is not expected of a medium is a bug and goes on as one. */
function outcome(error: unknown, offset: number): IoResult {
  const result = RESULTS[(error as NodeJS.ErrnoException).code ?? ""];
  if (result === undefined) throw error;
  return result(offset);
}

function totalBytes(pieces: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const piece of pieces) bytes += piece.length;
  return bytes;
}

/** What is left of the pieces behind their first `bytes`. */
function after(pieces: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  const rest: Uint8Array[] = [];
  let skip = bytes;
  for (const piece of pieces) {
    if (skip < piece.length) rest.push(piece.subarray(skip));
    skip = Math.max(0, skip - piece.length);
  }
  return rest;
}
