import test from "ava";
import fc from "fast-check";
import { locationOf, maskOf, uint21 } from "node-iscsi-target/scsi/fields.ts";
import { bits, flag, uint } from "node-iscsi-target/wire/layout.ts";

test("a field is found by its first byte, and by its most significant bit where it is less than bytes", (t) => {
  t.deepEqual(locationOf(uint(2, 4)), { byte: 2 });
  t.deepEqual(locationOf(bits(1, 5, 3)), { byte: 1, bit: 7 });
  t.deepEqual(locationOf(flag(4, 0)), { byte: 4, bit: 0 });
  t.deepEqual(locationOf(uint21(1)), { byte: 1, bit: 4 });
});

test("a mask has a one for each bit of each field", (t) => {
  t.deepEqual([...maskOf(6, [flag(1, 6), uint(2, 2), bits(5, 1, 3)])], [0, 0x40, 0xff, 0xff, 0, 0x0e]);
  t.deepEqual([...maskOf(4, [uint21(1)])], [0, 0x1f, 0xff, 0xff]);
});

test("an address of 21 bits comes back as it went, and leaves the three bits before it alone", (t) => {
  const field = uint21(1);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0x1f_ffff }), fc.nat(7), (value, before) => {
      const buffer = Buffer.from([0, before << 5, 0xff, 0xff]);
      field.set(buffer, 0, value);
      t.is(field.get(buffer, 0), value);
      t.is((buffer[1] ?? 0) >> 5, before);
    }),
  );
});
