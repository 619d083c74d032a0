/**
 * SCSI formats as tables of fields (SPC-4 3.5: big-endian, bit 7 is the most significant): a field
 * is declared once, and CDBs are read, parameter data is written, usage masks and field pointers are
 * made from that.
 */
import type { FieldLocation } from "./sense.ts";

type Bytes = Uint8Array;

/** `at` is where the structure begins in the buffer. Values are unsigned; above 2^53 they lose their low bits, which no valid value of ours reaches. */
export interface Field {
  readonly location: FieldLocation;
  /** Which bits it takes, from `location.byte` on. */
  readonly mask: readonly number[];
  get(from: Bytes, at?: number): number;
  set(into: Bytes, value: number, at?: number): void;
}

type Fields = Readonly<Record<string, Field>>;

export type Struct<F extends Fields> = F & {
  readonly bytes: number;
  /** A new buffer; fields not named are 0. */
  encode(values: { readonly [Name in keyof F]?: number }): Buffer;
  decode(from: Bytes, at?: number): { [Name in keyof F]: number };
  /** Every bit that some field takes. */
  readonly mask: Buffer;
};

/** @throws Error where fields overlap or exceed the structure: asserted at load. */
export function struct<const F extends Fields>(bytes: number, fields: F): Struct<F> {
  const mask = Buffer.alloc(bytes);
  for (const [name, field] of Object.entries(fields)) {
    field.mask.forEach((bits, index) => {
      const byte = field.location.byte + index;
      if (byte >= bytes || ((mask[byte] ?? 0) & bits) !== 0)
        throw new Error(`Field ${name} overlaps another, or the end.`);
      mask[byte] = (mask[byte] ?? 0) | bits;
    });
  }
  const entries = Object.entries(fields);
  return {
    ...fields,
    bytes,
    mask,
    encode(values) {
      const into = Buffer.alloc(bytes);
      for (const [name, value] of Object.entries(values)) fields[name]?.set(into, Number(value));
      return into;
    },
    decode(from, at = 0) {
      return Object.fromEntries(entries.map(([name, field]) => [name, field.get(from, at)])) as {
        [N in keyof F]: number;
      };
    },
  };
}

/** An integer of 1 to 8 whole bytes. */
export function uint(byte: number, bytes: number): Field {
  return {
    location: { byte },
    mask: Array.from({ length: bytes }, () => 0xff),
    get: READERS[bytes]?.(byte) ?? generalReader(byte, bytes),
    set(into, value, at = 0) {
      let left = value;
      for (let index = at + byte + bytes - 1; index >= at + byte; index--) {
        into[index] = left % 256;
        left = Math.floor(left / 256);
      }
    },
  };
}

/** `width` bits of one byte, of which `top` (7 to 0) is the most significant. */
export function bits(byte: number, top: number, width: number): Field {
  const shift = top - width + 1;
  const mask = ((1 << width) - 1) << shift;
  return {
    location: { byte, bit: top },
    mask: [mask],
    get: (from, at = 0) => ((from[at + byte] ?? 0) & mask) >> shift,
    set(into, value, at = 0) {
      const others = (into[at + byte] ?? 0) & ~mask;
      into[at + byte] = others | ((value << shift) & mask);
    },
  };
}

export function bit(byte: number, top: number): Field {
  return bits(byte, top, 1);
}

/** READ(6) and WRITE(6): 5 bits of the first byte, and all of the others. */
export function lba21(byte: number): Field {
  const low = uint(byte + 1, 2);
  const high = bits(byte, 4, 5);
  return {
    location: high.location,
    mask: [...high.mask, ...low.mask],
    get: (from, at) => high.get(from, at) * 0x1_0000 + low.get(from, at),
    set(into, value, at) {
      high.set(into, Math.floor(value / 0x1_0000), at);
      low.set(into, value % 0x1_0000, at);
    },
  };
}

type Reader = (from: Bytes, at?: number) => number;

/** The widths of the I/O path, each without a loop. */
const READERS: Readonly<Record<number, (byte: number) => Reader>> = {
  1:
    (byte) =>
    (from, at = 0) =>
      from[at + byte] ?? 0,
  2:
    (byte) =>
    (from, at = 0) =>
      ((from[at + byte] ?? 0) << 8) | (from[at + byte + 1] ?? 0),
  4:
    (byte) =>
    (from, at = 0) =>
      uint32(from, at + byte),
  8:
    (byte) =>
    (from, at = 0) =>
      uint32(from, at + byte) * 0x1_0000_0000 + uint32(from, at + byte + 4),
};

function uint32(from: Bytes, at: number): number {
  const low = ((from[at + 1] ?? 0) << 16) | ((from[at + 2] ?? 0) << 8) | (from[at + 3] ?? 0);
  return (from[at] ?? 0) * 0x100_0000 + low;
}

function generalReader(byte: number, bytes: number): Reader {
  return (from, at = 0) => {
    let value = 0;
    for (let index = at + byte; index < at + byte + bytes; index++) value = value * 256 + (from[index] ?? 0);
    return value;
  };
}
