/** CRC32C, the digest of iSCSI (RFC 7143 §13.1, test vectors in Appendix A.4), by the processor's own instruction. */
import { crc32c as native } from "@node-rs/crc32";

/** The digest of the pieces one after another, as an unsigned number; on the wire its least significant byte comes first. */
export function crc32c(pieces: readonly Uint8Array[]): number {
  let crc = 0;
  for (const piece of pieces) crc = crc32cUpdate(crc, piece);
  return crc;
}

/** `crc` (0 to begin) carried on over another piece. */
export function crc32cUpdate(crc: number, piece: Uint8Array): number {
  // The library's types ask for a Buffer; it takes any Uint8Array.
  return native(piece as Buffer, crc) >>> 0;
}
