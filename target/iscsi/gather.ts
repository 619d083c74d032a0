/**
 * The bytes of one turn in few pieces: a copy of 4 KiB costs less than one more element of a gathered
 * write. Large pieces are passed on as they are. Small ones are copied into slabs that are used again:
 * reads that the page cache did not have leave in another order than they came in, and fresh memory for them made
 * the garbage collector run (`docs/performance.md`).
 */
import { type SendSlab, SLAB_BYTES, takeSlab } from "./send-slab.ts";

const COPY_BYTES = 32 * 1024;

export interface Gathered {
  readonly gathered: readonly Uint8Array[];
  /** The slabs that copies lie in, one for each copy, lent for it; the last has room for more. */
  readonly slabs: readonly SendSlab[];
}

/** `slab`: where copies of an earlier turn end. */
export function gather(pieces: readonly Uint8Array[], slab: SendSlab | undefined): Gathered {
  const gathered: Uint8Array[] = [];
  const slabs: SendSlab[] = [];
  for (let at = 0; at < pieces.length; ) {
    const piece = pieces[at] as Uint8Array;
    const { end, bytes } = smallOnes(pieces, at);
    if (end <= at + 1) gathered.push(piece);
    else gathered.push(copied(pieces.slice(at, end), lend(bytes, slabs, slab)));
    at = Math.max(end, at + 1);
  }
  return { gathered, slabs };
}

/** How far small pieces go from `first` on that a slab has room for together. */
function smallOnes(pieces: readonly Uint8Array[], first: number): { end: number; bytes: number } {
  let [end, bytes] = [first, 0];
  for (; end < pieces.length; end += 1) {
    const { length } = pieces[end] as Uint8Array;
    if (length > COPY_BYTES || bytes + length > SLAB_BYTES) break;
    bytes += length;
  }
  return { end, bytes };
}

/** The slab that was used last, or another where that has not so much room. */
function lend(bytes: number, slabs: SendSlab[], earlier: SendSlab | undefined): SendSlab {
  const last = slabs.at(-1) ?? earlier;
  const slab = last !== undefined && last.used + bytes <= SLAB_BYTES ? last : takeSlab();
  slab.lent += 1;
  slabs.push(slab);
  return slab;
}

function copied(pieces: readonly Uint8Array[], slab: SendSlab): Uint8Array {
  const from = slab.used;
  for (const piece of pieces) {
    slab.bytes.set(piece, slab.used);
    slab.used += piece.length;
  }
  return slab.bytes.subarray(from, slab.used);
}
