/**
 * Wire formats, each declared once as a table of fields; readers and writers both come from it.
 *
 *     const Header = layout(48, { opcode: bits(0, 0, 6), immediate: flag(0, 6), dataLength: uint(5, 3) });
 *     Header.dataLength.get(buffer, at);  Header.dataLength.set(buffer, at, 512);
 *     Header.encode({ opcode: 1, dataLength: 512 });  Header.decode(buffer, at);
 *
 * Fields are big-endian unless they say otherwise. Widths, bounds and overlaps are checked when a
 * layout is declared, so that a wrong table fails at load and not on the wire.
 */

/** One field: reads and writes a number at `at` (the start of the format) in a buffer. */
export interface Field {
  readonly firstBit: number;
  readonly bitCount: number;
  get(buffer: Uint8Array, at: number): number;
  set(buffer: Uint8Array, at: number, value: number): void;
}

/** Bits of one byte: `width` bits from bit `low` (bit 0 is the least significant). */
export function bits(byte: number, low: number, width: number): Field {
  const mask = ((1 << width) - 1) << low;
  return {
    firstBit: byte * 8 + (8 - low - width),
    bitCount: width,
    get: (buffer, at) => ((buffer[at + byte] as number) & mask) >> low,
    set: (buffer, at, value) => {
      buffer[at + byte] = ((buffer[at + byte] as number) & ~mask) | ((value << low) & mask);
    },
  };
}

/** One bit, 0 or 1. */
export function flag(byte: number, bit: number): Field {
  return bits(byte, bit, 1);
}

/** An unsigned integer of 1 to 6 bytes; of 8 where values stay within 2^53 - 1 (larger ones read as Infinity). */
export function uint(byte: number, width: 1 | 2 | 3 | 4 | 5 | 6 | 8): Field {
  return { firstBit: byte * 8, bitCount: width * 8, ...BIG_ENDIAN[width](byte) };
}

type Access = Pick<Field, "get" | "set">;
const BIG_ENDIAN: Readonly<Record<1 | 2 | 3 | 4 | 5 | 6 | 8, (byte: number) => Access>> = {
  1: (byte) => ({
    get: (b, at) => b[at + byte] as number,
    set: (b, at, v) => {
      b[at + byte] = v;
    },
  }),
  2: (byte) => ({
    get: (b, at) => ((b[at + byte] as number) << 8) | (b[at + byte + 1] as number),
    set: (b, at, v) => writeBytes(b, at + byte, 2, v),
  }),
  3: (byte) => ({
    get: (b, at) =>
      ((b[at + byte] as number) << 16) | ((b[at + byte + 1] as number) << 8) | (b[at + byte + 2] as number),
    set: (b, at, v) => writeBytes(b, at + byte, 3, v),
  }),
  4: (byte) => ({ get: (b, at) => read32(b, at + byte), set: (b, at, v) => writeBytes(b, at + byte, 4, v) }),
  5: (byte) => ({
    get: (b, at) => (b[at + byte] as number) * 2 ** 32 + read32(b, at + byte + 1),
    set: (b, at, v) => writeBytes(b, at + byte, 5, v),
  }),
  6: (byte) => ({
    get: (b, at) =>
      (((b[at + byte] as number) << 8) | (b[at + byte + 1] as number)) * 2 ** 32 + read32(b, at + byte + 2),
    set: (b, at, v) => writeBytes(b, at + byte, 6, v),
  }),
  8: (byte) => ({
    get: (b, at) => {
      const high = read32(b, at + byte);
      return high > 0x1f_ffff ? Number.POSITIVE_INFINITY : high * 2 ** 32 + read32(b, at + byte + 4);
    },
    set: (b, at, v) => writeBytes(b, at + byte, 8, v),
  }),
};

function read32(b: Uint8Array, at: number): number {
  return (
    (((b[at] as number) << 24) |
      ((b[at + 1] as number) << 16) |
      ((b[at + 2] as number) << 8) |
      (b[at + 3] as number)) >>>
    0
  );
}

function writeBytes(b: Uint8Array, at: number, width: number, value: number): void {
  let rest = value;
  for (let i = at + width - 1; i >= at; i -= 1) {
    b[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}

export type Layout<Fields extends Record<string, Field>> = Fields & {
  readonly sizeBytes: number;
  /** A buffer with the values given; all else zero. */
  encode(values: Partial<Record<keyof Fields, number>>): Buffer;
  decode(buffer: Uint8Array, at?: number): Record<keyof Fields, number>;
};

/** Declares a format of `sizeBytes`. Throws at load where a field leaves it or overlaps another. */
export function layout<Fields extends Record<string, Field>>(sizeBytes: number, fields: Fields): Layout<Fields> {
  assertDisjoint(sizeBytes, fields);
  const entries = Object.entries(fields) as [keyof Fields, Field][];
  return {
    ...fields,
    sizeBytes,
    encode(values) {
      const buffer = Buffer.alloc(sizeBytes);
      for (const [name, field] of entries) {
        const value = values[name];
        if (value !== undefined) field.set(buffer, 0, value);
      }
      return buffer;
    },
    decode(buffer, at = 0) {
      return Object.fromEntries(entries.map(([name, field]) => [name, field.get(buffer, at)])) as Record<
        keyof Fields,
        number
      >;
    },
  };
}

function assertDisjoint(sizeBytes: number, fields: Record<string, Field>): void {
  const taken = new Map<number, string>();
  for (const [name, field] of Object.entries(fields)) {
    for (let bit = field.firstBit; bit < field.firstBit + field.bitCount; bit += 1) {
      const other = taken.get(bit);
      if (bit >= sizeBytes * 8) throw new Error(`field ${name} leaves a format of ${sizeBytes} bytes`);
      if (other !== undefined) throw new Error(`fields ${other} and ${name} overlap at byte ${bit >> 3}`);
      taken.set(bit, name);
    }
  }
}
