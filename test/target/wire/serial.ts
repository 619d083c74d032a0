import test from "ava";
import fc from "fast-check";
import { serialAdd, serialDistance, serialLess } from "node-iscsi-target/wire/serial.ts";

const serial = fc.nat(0xffff_ffff);

test("a number that is ahead by less than half the circle is greater, across the wrap too", (t) => {
  fc.assert(
    fc.property(serial, fc.integer({ min: 1, max: 2 ** 31 - 1 }), (start, ahead) => {
      const end = serialAdd(start, ahead);
      t.true(end >= 0 && end <= 0xffff_ffff);
      t.is(serialDistance(end, start), ahead);
      t.is(serialDistance(start, end), -ahead);
      t.true(serialLess(start, end));
      t.false(serialLess(end, start));
    }),
  );
});

test("a number is not less than itself, and the successor of the last is 0", (t) => {
  t.false(serialLess(7, 7));
  t.is(serialAdd(0xffff_ffff, 1), 0);
  t.true(serialLess(0xffff_ffff, 0));
});
