/**
 * Wire formats, each declared once as a table of fields; readers and writers both come from it.
 *
 *     const Header = layout(48, { opcode: bits(0, 0, 6), immediate: flag(0, 6), dataLength: uint(5, 3) });
 *     Header.dataLength.get(buffer, at);  Header.dataLength.set(buffer, at, 512);   // in place, nothing is allocated
 *     Header.encode({ opcode: 1, dataLength: 512 });  Header.decode(buffer, at);    // whole headers, off the hot path
 *
 * Fields are big-endian unless they say otherwise (`fields.ts` has the widths). Bounds and
 * overlaps are checked when a layout is declared, so that a wrong table fails at load and not on
 * the wire. Fields trust their buffer: whoever parses has checked that the format fits in it.
 */
import type { Field } from "./fields.ts";

export { bits, bytes, type Field, flag, uint, uint64, uintLe } from "./fields.ts";

// biome-ignore lint/suspicious/noExplicitAny: the values of a table's fields are of several types, and methods make any the one that fits them all.
type Fields = Readonly<Record<string, Field<any>>>;

type ValueOf<F> = F extends Field<infer Value> ? Value : never;

export type Layout<Table extends Fields> = Table & {
  readonly sizeBytes: number;
  /** A new buffer with the values given; all else zero. @throws RangeError where a value does not fit its field, which is a bug of the caller. */
  encode(values: { readonly [Name in keyof Table]?: ValueOf<Table[Name]> }): Buffer;
  /** Every field by its name. */
  decode(buffer: Uint8Array, at?: number): { [Name in keyof Table]: ValueOf<Table[Name]> };
};

/** Declares a format of `sizeBytes`. @throws Error at load where a field leaves it or overlaps another. */
export function layout<const Table extends Fields>(sizeBytes: number, fields: Table): Layout<Table> {
  assertDisjoint(sizeBytes, fields);
  const entries = Object.entries(fields);
  return {
    ...fields,
    sizeBytes,
    encode(values) {
      const buffer = Buffer.alloc(sizeBytes);
      for (const [name, field] of entries) {
        const value = values[name];
        if (value === undefined) continue;
        if (field.fits?.(value) === false) throw new RangeError(`${String(value)} does not fit the field ${name}`);
        field.set(buffer, 0, value);
      }
      return buffer;
    },
    decode(buffer, at = 0) {
      return Object.fromEntries(entries.map(([name, field]) => [name, field.get(buffer, at)])) as {
        [Name in keyof Table]: ValueOf<Table[Name]>;
      };
    },
  };
}

function assertDisjoint(sizeBytes: number, fields: Fields): void {
  const taken = new Map<number, string>();
  for (const [name, field] of Object.entries(fields)) {
    if (name === "sizeBytes" || name === "encode" || name === "decode")
      throw new Error(`no field may be named ${name}`);
    for (let bit = field.firstBit; bit < field.firstBit + field.bitCount; bit += 1) {
      const other = taken.get(bit);
      if (bit < 0 || bit >= sizeBytes * 8) throw new Error(`field ${name} leaves a format of ${sizeBytes} bytes`);
      if (other !== undefined) throw new Error(`fields ${other} and ${name} overlap at byte ${bit >> 3}`);
      taken.set(bit, name);
    }
  }
}
