/** CRC32C (RFC 7143 Appendix B.4), over several pieces one after another. */
import { crc32c as native } from "@node-rs/crc32";

export function crc32c(pieces: readonly Uint8Array[]): number {
  let crc = 0;
  for (const piece of pieces) crc = native(piece as Buffer, crc);
  return crc >>> 0;
}
