/** CRC32C, the digest of iSCSI (RFC 7143 §13.1, test vectors in Appendix A.4), by the processor's own instruction: by ISA-L or the npm library. */
import { crc32c as native } from "@node-rs/crc32";
import { type Crc32cUpdate, crc32cByIsaL } from "./isa-l.ts";

/** The digest of the pieces one after another, as an unsigned number; on the wire its least significant byte comes first. */
export function crc32c(pieces: readonly Uint8Array[]): number {
  let crc = 0;
  for (const piece of pieces) crc = crc32cUpdate(crc, piece);
  return crc;
}

/** `crc` (0 to begin) carried on over another piece. */
export function crc32cUpdate(crc: number, piece: Uint8Array): number {
  return piece.length === 0 ? crc : implementation().update(crc, piece);
}

/** What digests pieces here: named where speed is told of. */
export function crc32cImplementation(): string {
  return implementation().name;
}

interface Implementation {
  readonly name: string;
  readonly update: Crc32cUpdate;
}

let chosen: Implementation | undefined;

/** Chosen at first use: most commands digest nothing. */
function implementation(): Implementation {
  chosen ??= choose();
  return chosen;
}

/** The quicker one, if it says what the other says: functions are found in it by their names alone. */
function choose(): Implementation {
  const isaL = crc32cByIsaL();
  const isRight = isaL !== undefined && TRIALS.every((trial) => isaL(1, trial) === crc32cByNpm(1, trial));
  return isRight ? { name: "ISA-L", update: isaL } : { name: "@node-rs/crc32", update: crc32cByNpm };
}

/** By the library that comes along with us. */
export function crc32cByNpm(crc: number, piece: Uint8Array): number {
  // The library's types ask for a Buffer; it takes any Uint8Array.
  return native(piece as Buffer, crc) >>> 0;
}

const TRIALS = [1, 47, 512, 4096, 5000].map((length) => Uint8Array.from({ length }, (_, at) => at * 37 + (at >> 8)));

/** The polynomial 1EDC6F41h, its bits reversed. */
const POLYNOMIAL = 0x82f6_3b78;
/** For each byte that is up to seven bytes away from the end of eight, what it adds. */
const TABLES = crcTables(8);

/** The digest of few bytes: a header takes 28 ns here, and 120 ns with the library, most of it to get there. */
export function shortCrc32c(bytes: Uint8Array, from: number, to: number): number {
  let crc = -1;
  let at = from;
  for (; at + 8 <= to; at += 8) {
    crc ^=
      byteAt(bytes, at) | (byteAt(bytes, at + 1) << 8) | (byteAt(bytes, at + 2) << 16) | (byteAt(bytes, at + 3) << 24);
    crc =
      added(7, crc & 0xff) ^
      added(6, (crc >>> 8) & 0xff) ^
      added(5, (crc >>> 16) & 0xff) ^
      added(4, crc >>> 24) ^
      added(3, byteAt(bytes, at + 4)) ^
      added(2, byteAt(bytes, at + 5)) ^
      added(1, byteAt(bytes, at + 6)) ^
      added(0, byteAt(bytes, at + 7));
  }
  for (; at < to; at += 1) crc = added(0, (crc ^ byteAt(bytes, at)) & 0xff) ^ (crc >>> 8);
  return ~crc >>> 0;
}

function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] as number;
}

function added(distance: number, byte: number): number {
  return TABLES[distance * 256 + byte] as number;
}

function crcTables(count: number): Int32Array {
  const tables = new Int32Array(count * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    tables[byte] = crc;
  }
  for (let at = 256; at < tables.length; at += 1) {
    const nearer = tables[at - 256] as number;
    tables[at] = (nearer >>> 8) ^ (tables[nearer & 0xff] as number);
  }
  return tables;
}
