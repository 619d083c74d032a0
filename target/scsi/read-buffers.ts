/**
 * Buffers for read data, cut from slabs. Cutting is several times cheaper than allocating, and a
 * slab is small, so that a slow connection that keeps one slice keeps little else.
 *
 * Nothing is cleared: whoever takes a buffer fills the whole of it, or sends none of it.
 */
const SLAB_BYTES = 256 * 1024;
/** Larger ones are allocated by themselves. */
const MAX_SLICE_BYTES = 32 * 1024;
const ALIGNMENT = 8;

let slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
let used = 0;

export function takeReadBuffer(bytes: number): Buffer {
  if (bytes > MAX_SLICE_BYTES) return Buffer.allocUnsafeSlow(bytes);
  if (used + bytes > SLAB_BYTES) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    used = 0;
  }
  const start = used;
  used = Math.ceil((start + bytes) / ALIGNMENT) * ALIGNMENT;
  return slab.subarray(start, start + bytes);
}
