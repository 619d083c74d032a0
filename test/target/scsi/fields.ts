import test from "ava";
import fc from "fast-check";
import { bit, bits, lba21, struct, uint } from "node-iscsi-target/scsi/fields.ts";

test("what is encoded is decoded again, whatever the widths", (t) => {
  const Example = struct(24, {
    flag: bit(0, 7),
    low: bits(0, 3, 4),
    three: uint(1, 3),
    lba: lba21(4),
    two: uint(8, 2),
    four: uint(10, 4),
    eight: uint(16, 8),
  });
  const value = (max: number) => fc.integer({ min: 0, max });
  const values = fc.record({
    flag: value(1),
    low: value(15),
    three: value(0xff_ffff),
    lba: value(0x1f_ffff),
    two: value(0xffff),
    four: value(0xffff_ffff),
    eight: fc.maxSafeNat(),
  });
  fc.assert(fc.property(values, (given) => t.deepEqual(Example.decode(Example.encode(given)), given)));
});

test("a field lies where it says, big-endian", (t) => {
  const Example = struct(6, { flag: bit(1, 6), value: uint(2, 4) });
  t.deepEqual([...Example.encode({ flag: 1, value: 0x01020304 })], [0, 0x40, 1, 2, 3, 4]);
  t.is(Example.value.get(Buffer.from([0xff, 0, 0, 1, 2, 3, 4]), 1), 0x01020304);
  t.deepEqual([...Example.mask], [0, 0x40, 0xff, 0xff, 0xff, 0xff]);
});

test("overlapping fields and fields past the end are refused when declared", (t) => {
  t.throws(() => struct(2, { a: uint(0, 2), b: bit(1, 0) }), { message: /b overlaps/ });
  t.throws(() => struct(2, { a: uint(1, 2) }), { message: /the end/ });
});
