/** The pieces in which a transport hands over Data-Out. */

export function byteLength(pieces: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const piece of pieces) bytes += piece.length;
  return bytes;
}

/** The first `bytes` of the pieces, without copying. */
export function leading(pieces: readonly Uint8Array[], bytes: number): Uint8Array[] {
  const taken: Uint8Array[] = [];
  let left = bytes;
  for (const piece of pieces) {
    if (left <= 0) break;
    taken.push(piece.length > left ? piece.subarray(0, left) : piece);
    left -= piece.length;
  }
  return taken;
}

/** At most `bytes` of the pieces as one buffer in memory of its own, for as long as anybody likes. */
export function gather(pieces: readonly Uint8Array[], bytes: number): Buffer {
  return Buffer.concat(leading(pieces, bytes));
}
