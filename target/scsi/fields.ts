/** Where the fields of SCSI formats lie, as field pointers and usage masks tell it. The formats themselves are declared by wire/layout. */
import type { Field } from "../wire/layout.ts";

/** A byte of the CDB or parameter list, and the most significant bit of the field where it is less than the byte. */
export interface FieldLocation {
  readonly byte: number;
  readonly bit?: number;
}

export function locationOf({ firstBit, bitCount }: Pick<Field, "firstBit" | "bitCount">): FieldLocation {
  const byte = byteOf(firstBit);
  return bitCount % 8 === 0 ? { byte } : { byte, bit: 7 - (firstBit % 8) };
}

/** A one for each bit that some field takes. */
export function maskOf(sizeBytes: number, fields: Iterable<Field>): Buffer {
  const mask = Buffer.alloc(sizeBytes);
  for (const { firstBit, bitCount } of fields) {
    for (let bit = firstBit; bit < firstBit + bitCount; bit++) {
      mask[byteOf(bit)] = (mask[byteOf(bit)] ?? 0) | (0x80 >> (bit % 8));
    }
  }
  return mask;
}

/** READ(6) and WRITE(6) alone have an address of 21 bits: five of the first byte, and two bytes more (SBC-4 5.12). */
export function uint21(byte: number): Field {
  return {
    firstBit: byte * 8 + 3,
    bitCount: 21,
    get: (buffer, at) =>
      ((part(buffer, at + byte) & 0x1f) << 16) | (part(buffer, at + byte + 1) << 8) | part(buffer, at + byte + 2),
    set(buffer, at, value) {
      buffer[at + byte] = (part(buffer, at + byte) & 0xe0) | (value >> 16);
      buffer[at + byte + 1] = (value >> 8) & 0xff;
      buffer[at + byte + 2] = value & 0xff;
    },
  };
}

function part(buffer: Uint8Array, at: number): number {
  return buffer[at] ?? 0;
}

function byteOf(bit: number): number {
  return Math.floor(bit / 8);
}
