import test from "ava";
import fc from "fast-check";
import { bits, bytes, type Field, flag, layout, uint, uint64, uintLe } from "node-iscsi-target/wire/layout.ts";

const Header = layout(24, {
  opcode: bits(0, 0, 6),
  immediate: flag(0, 6),
  length: uint(5, 3),
  lun: uint(8, 8),
  task: uint(16, 4),
  name: bytes(20, 4),
});

test("a header is read and written in place, wherever it begins", (t) => {
  const buffer = Buffer.alloc(64, 0xee);
  Header.opcode.set(buffer, 10, 0x21);
  Header.immediate.set(buffer, 10, 1);
  Header.length.set(buffer, 10, 0x01_0203);
  t.is(buffer[10], 0xe1, "the bit above the two fields is left alone");
  t.is(buffer.toString("hex", 15, 18), "010203");
  t.is(Header.opcode.get(buffer, 10), 0x21);
  t.is(Header.length.get(buffer, 10), 0x01_0203);
  t.is(buffer[9], 0xee);
  t.is(buffer[18], 0xee);
});

test("encode fills what is not named with zeros, and decode gives every field", (t) => {
  const encoded = Header.encode({ opcode: 1, lun: 0x0001_0000_0000_0000, name: Buffer.from("ab") });
  t.is(encoded.toString("hex"), "010000000000000000010000000000000000000061620000");
  t.deepEqual(
    { ...Header.decode(encoded), name: undefined },
    {
      opcode: 1,
      immediate: 0,
      length: 0,
      lun: 2 ** 48,
      task: 0,
      name: undefined,
    },
  );
  t.is(Header.sizeBytes, 24);
});

const WIDTHS = [1, 2, 3, 4, 5, 6] as const;
for (const width of WIDTHS) {
  test(`an integer of ${width} bytes survives the wire in both byte orders, and touches nothing else`, (t) => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.nat(7), (seed, at) => {
        const value = seed % 2 ** (width * 8);
        for (const [field, order] of [
          [uint(2, width), "BE"],
          [uintLe(2, width), "LE"],
        ] as const) {
          const buffer = Buffer.alloc(24, 0x55);
          field.set(buffer, at, value);
          t.is(order === "BE" ? buffer.readUIntBE(at + 2, width) : buffer.readUIntLE(at + 2, width), value);
          t.is(field.get(buffer, at), value);
          t.true(buffer.subarray(0, at + 2).every((byte) => byte === 0x55));
          t.true(buffer.subarray(at + 2 + width).every((byte) => byte === 0x55));
        }
      }),
    );
  });
}

test("an integer of 8 bytes is exact up to 2^53 - 1, and beyond it never passes for a valid one", (t) => {
  const field = uint(0, 8);
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      const buffer = Buffer.alloc(8);
      field.set(buffer, 0, value);
      t.is(buffer.readBigUInt64BE(0), BigInt(value));
      t.is(field.get(buffer, 0), value);
    }),
  );
  t.is(field.get(Buffer.from("0020000000000000", "hex"), 0), Number.POSITIVE_INFINITY);
  t.is(field.get(Buffer.alloc(8, 0xff), 0), Number.POSITIVE_INFINITY);
});

test("a 64-bit identifier keeps all of its bits", (t) => {
  fc.assert(
    fc.property(fc.bigInt(0n, 2n ** 64n - 1n), (value) => {
      const buffer = Buffer.alloc(10);
      uint64(1).set(buffer, 1, value);
      t.is(buffer.readBigUInt64BE(2), value);
      t.is(uint64(1).get(buffer, 1), value);
    }),
  );
});

test("bits of a byte do not disturb each other", (t) => {
  fc.assert(
    fc.property(fc.nat(255), fc.nat(7), fc.nat(7), fc.nat(255), (before, a, b, value) => {
      const low = Math.min(a, b);
      const width = Math.abs(a - b) + 1;
      const mask = ((1 << width) - 1) << low;
      const buffer = Uint8Array.of(before);
      const field = bits(0, low, width);
      t.is(field.get(buffer, 0), (before & mask) >> low);
      field.set(buffer, 0, value);
      t.is((buffer[0] as number) & ~mask, before & ~mask);
      t.is(field.get(buffer, 0), value & ((1 << width) - 1));
    }),
  );
});

test("bytes are read as a view of the buffer", (t) => {
  const buffer = Buffer.alloc(8);
  const view = bytes(2, 4).get(buffer, 1);
  view[0] = 9;
  t.is(buffer[3], 9);
  bytes(2, 4).set(buffer, 1, Buffer.alloc(9, 7));
  t.is(buffer.toString("hex"), "0000000707070700");
});

test("a table whose fields overlap is refused when it is declared", (t) => {
  t.throws(() => layout(8, { a: uint(0, 4), b: bits(3, 0, 1) }), { message: /a and b overlap at byte 3/ });
  t.throws(() => layout(8, { a: bits(0, 0, 4), b: bits(0, 3, 2) }), { message: /overlap at byte 0/ });
  t.notThrows(() => layout(1, { a: bits(0, 0, 4), b: bits(0, 4, 4) }));
});

test("a field that leaves its format, its byte or the names of a table is refused when it is declared", (t) => {
  t.throws(() => layout(4, { a: uint(1, 4) }), { message: /a leaves a format of 4 bytes/ });
  t.throws(() => bits(0, 5, 4), { message: /not within one byte/ });
  t.throws(() => layout(4, { encode: uint(0, 4) } as Record<string, Field>), { message: /named encode/ });
});

test("a value that its field cannot hold is refused, and not cut", (t) => {
  t.throws(() => Header.encode({ opcode: 64 }), {
    instanceOf: RangeError,
    message: /64 does not fit the field opcode/,
  });
  t.throws(() => Header.encode({ length: 2 ** 24 }), { instanceOf: RangeError });
  t.throws(() => Header.encode({ length: -1 }), { instanceOf: RangeError });
  t.throws(() => Header.encode({ task: 1.5 }), { instanceOf: RangeError });
  t.throws(() => Header.encode({ name: Buffer.alloc(5) }), { instanceOf: RangeError });
});
