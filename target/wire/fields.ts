/** The kinds of fields that wire formats are made of; `layout.ts` puts them together. */

/** One field: reads and writes a value in a buffer whose format begins at `at`. */
export interface Field<Value = number> {
  /** Counted from the most significant bit of the first byte, as the standards draw it. */
  readonly firstBit: number;
  readonly bitCount: number;
  get(buffer: Uint8Array, at: number): Value;
  /** Bits that do not fit are lost; `Layout.encode` refuses them. */
  set(buffer: Uint8Array, at: number, value: Value): void;
  /** Absent where any value will do. */
  fits?(value: Value): boolean;
}

type Width = 1 | 2 | 3 | 4 | 5 | 6 | 8;
type Access = Pick<Field, "get" | "set">;

/** `width` bits of one byte from bit `low` up; bit 0 is the least significant. */
export function bits(byte: number, low: number, width: number): Field {
  if (width < 1 || low + width > 8) throw new Error(`bits ${low} to ${low + width - 1} are not within one byte`);
  const mask = ((1 << width) - 1) << low;
  return {
    firstBit: byte * 8 + (8 - low - width),
    bitCount: width,
    get: (buffer, at) => ((buffer[at + byte] as number) & mask) >> low,
    set: (buffer, at, value) => {
      buffer[at + byte] = ((buffer[at + byte] as number) & ~mask) | ((value << low) & mask);
    },
    fits: fitsBits(width),
  };
}

/** One bit, 0 or 1. */
export function flag(byte: number, bit: number): Field {
  return bits(byte, bit, 1);
}

/** An unsigned integer, big-endian; of 8 bytes where values stay within 2^53 - 1 (a larger one reads as Infinity, which no check of a range lets pass). */
export function uint(byte: number, width: Width): Field {
  return { firstBit: byte * 8, bitCount: width * 8, ...BIG_ENDIAN[width](byte), fits: fitsBits(width * 8) };
}

/** An unsigned integer, little-endian, of 1 to 6 bytes. */
export function uintLe(byte: number, width: Exclude<Width, 8>): Field {
  return {
    firstBit: byte * 8,
    bitCount: width * 8,
    get: (buffer, at) => {
      let value = 0;
      for (let i = at + byte + width - 1; i >= at + byte; i -= 1) value = value * 256 + (buffer[i] as number);
      return value;
    },
    set: (buffer, at, value) => {
      let rest = value;
      for (let i = at + byte; i < at + byte + width; i += 1) {
        buffer[i] = rest % 256;
        rest = Math.floor(rest / 256);
      }
    },
    fits: fitsBits(width * 8),
  };
}

/** All 64 bits, big-endian: names and identifiers, never on the path of an I/O. */
export function uint64(byte: number): Field<bigint> {
  return {
    firstBit: byte * 8,
    bitCount: 64,
    get: (buffer, at) => (BigInt(read32(buffer, at + byte)) << 32n) | BigInt(read32(buffer, at + byte + 4)),
    set: (buffer, at, value) => {
      write32(buffer, at + byte, Number((value >> 32n) & 0xffff_ffffn));
      write32(buffer, at + byte + 4, Number(value & 0xffff_ffffn));
    },
    fits: (value) => value >= 0n && value < 1n << 64n,
  };
}

/** Bytes as they are: `get` is a view of the buffer, not a copy; a shorter value leaves the rest as it was. */
export function bytes(byte: number, length: number): Field<Uint8Array> {
  return {
    firstBit: byte * 8,
    bitCount: length * 8,
    get: (buffer, at) => buffer.subarray(at + byte, at + byte + length),
    set: (buffer, at, value) => buffer.set(value.length > length ? value.subarray(0, length) : value, at + byte),
    fits: (value) => value.length <= length,
  };
}

function fitsBits(width: number): (value: number) => boolean {
  const end = 2 ** Math.min(width, 53);
  return (value) => Number.isInteger(value) && value >= 0 && value < end;
}

/** Each width has code of its own: a loop over bytes costs several times as much. */
const BIG_ENDIAN: Readonly<Record<Width, (byte: number) => Access>> = {
  1: (byte) => ({
    get: (b, at) => b[at + byte] as number,
    set: (b, at, v) => {
      b[at + byte] = v;
    },
  }),
  2: (byte) => ({ get: (b, at) => read16(b, at + byte), set: (b, at, v) => write16(b, at + byte, v) }),
  3: (byte) => ({
    get: (b, at) => ((b[at + byte] as number) << 16) | read16(b, at + byte + 1),
    set: (b, at, v) => {
      b[at + byte] = v >>> 16;
      write16(b, at + byte + 1, v);
    },
  }),
  4: (byte) => ({ get: (b, at) => read32(b, at + byte), set: (b, at, v) => write32(b, at + byte, v) }),
  5: (byte) => ({
    get: (b, at) => (b[at + byte] as number) * 2 ** 32 + read32(b, at + byte + 1),
    set: (b, at, v) => {
      b[at + byte] = Math.floor(v / 2 ** 32);
      write32(b, at + byte + 1, v);
    },
  }),
  6: (byte) => ({
    get: (b, at) => read16(b, at + byte) * 2 ** 32 + read32(b, at + byte + 2),
    set: (b, at, v) => {
      write16(b, at + byte, Math.floor(v / 2 ** 32));
      write32(b, at + byte + 2, v);
    },
  }),
  8: (byte) => ({
    get: (b, at) => {
      const high = read32(b, at + byte);
      return high > 0x1f_ffff ? Number.POSITIVE_INFINITY : high * 2 ** 32 + read32(b, at + byte + 4);
    },
    set: (b, at, v) => {
      write32(b, at + byte, Math.floor(v / 2 ** 32));
      write32(b, at + byte + 4, v);
    },
  }),
};

function read16(b: Uint8Array, at: number): number {
  return ((b[at] as number) << 8) | (b[at + 1] as number);
}

function read32(b: Uint8Array, at: number): number {
  return ((read16(b, at) << 16) | read16(b, at + 2)) >>> 0;
}

function write16(b: Uint8Array, at: number, value: number): void {
  b[at] = value >>> 8;
  b[at + 1] = value;
}

/** The low 32 bits: a shift takes its operand modulo 2^32, for values up to 2^53 too. */
function write32(b: Uint8Array, at: number, value: number): void {
  b[at] = value >>> 24;
  b[at + 1] = value >>> 16;
  b[at + 2] = value >>> 8;
  b[at + 3] = value;
}
