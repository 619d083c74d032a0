/**
 * Memory that a socket receives into. What commands write stays where it was received until it has
 * reached the device, and the memory is then received into again: fresh memory for each read of a
 * socket made the garbage collector run for half of the time (`docs/performance.md`).
 *
 * A slab is held by the connection that receives into it, once for each stretch that is not cut into
 * PDUs yet, and by each task whose data lies in it. A holder that never lets go keeps the slab from being used
 * again, and no more: it is memory like any other then.
 */
import { rememberAddress } from "../storage/syscalls/libc.ts";

const SLAB_BYTES = 128 * 1024;
/** With less left of a slab, receiving goes on in the next. */
const MIN_WINDOW_BYTES = 16 * 1024;
/** What lies unused, in all; more is left to the garbage collector. */
const MAX_FREE_SLABS = 32;

class ReceiveSlab {
  readonly bytes = Buffer.allocUnsafeSlow(SLAB_BYTES);
  /** What was received lies before this. */
  used = 0;
  holders = 0;

  constructor() {
    slabs.set(this.bytes.buffer, this);
    rememberAddress(this.bytes);
  }
}

const slabs = new WeakMap<ArrayBufferLike, ReceiveSlab>();
const free: ReceiveSlab[] = [];

/** Leaves what lies unused to the garbage collector. */
export function forgetReceiveSlabs(): void {
  free.length = 0;
}

/** Keeps what a slice of received memory holds as it is, until `release`; of other memory it does nothing. */
export function hold(slice: Uint8Array): void {
  const slab = slabs.get(slice.buffer);
  if (slab !== undefined) slab.holders += 1;
}

/** Ends one `hold` of a slice of the same slab. */
export function release(slice: Uint8Array): void {
  const slab = slabs.get(slice.buffer);
  if (slab !== undefined) letGo(slab);
}

function letGo(slab: ReceiveSlab): void {
  slab.holders -= 1;
  if (slab.holders > 0) return;
  slab.used = 0;
  if (free.length < MAX_FREE_SLABS) free.push(slab);
}

/** Where one socket receives. */
export class ReceiveWindow {
  #slab: ReceiveSlab | undefined;

  /** Memory for the next read. What was received before, and is not held, may be overwritten by it. */
  next(): Uint8Array {
    let slab = this.#slab;
    // Nobody but this window: from the front again, which the processor's caches know.
    if (slab?.holders === 1) slab.used = 0;
    if (slab === undefined || SLAB_BYTES - slab.used < MIN_WINDOW_BYTES) {
      this.close();
      slab = free.pop() ?? new ReceiveSlab();
      slab.holders = 1;
      this.#slab = slab;
    }
    return slab.bytes.subarray(slab.used);
  }

  /** The first `bytes` of what `next` has handed out are received now. */
  received(bytes: number): Buffer {
    const slab = this.#slab as ReceiveSlab;
    const from = slab.used;
    slab.used += bytes;
    return slab.bytes.subarray(from, slab.used);
  }

  close(): void {
    if (this.#slab !== undefined) letGo(this.#slab);
    this.#slab = undefined;
  }
}
