/** Memory that begins at a multiple of 4096, as O_DIRECT wants it, used again and again. */
import { addressOf } from "../syscalls/libc.ts";

/** Enough for every device there is: memory pages, and sectors of 512 and 4096 bytes. */
export const ALIGNMENT_BYTES = 4096;
/** Kept of each size; a device has no more outstanding at once. */
const KEPT = 8;

export class AlignedBuffers {
  readonly #free = new Map<number, Uint8Array[]>();

  /** At least `bytes` long: the next power of two. */
  take(bytes: number): Uint8Array {
    const size = 2 ** Math.ceil(Math.log2(Math.max(bytes, ALIGNMENT_BYTES)));
    return this.#free.get(size)?.pop() ?? allocate(size);
  }

  give(buffer: Uint8Array): void {
    const free = this.#free.get(buffer.length);
    if (free === undefined) this.#free.set(buffer.length, [buffer]);
    else if (free.length < KEPT) free.push(buffer);
  }
}

function allocate(size: number): Uint8Array {
  const memory = Buffer.allocUnsafeSlow(size + ALIGNMENT_BYTES);
  const over = Number(addressOf(memory) % BigInt(ALIGNMENT_BYTES));
  return memory.subarray(ALIGNMENT_BYTES - over, ALIGNMENT_BYTES - over + size);
}
