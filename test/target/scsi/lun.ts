import test from "ava";
import fc from "fast-check";
import { lunFromWire, lunToWire, MAX_LUN } from "node-iscsi-target/scsi/lun.ts";

test("every LUN comes back from the wire as it went, as a bigint and as a number", (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: MAX_LUN }), (lun) => {
      const wire = lunToWire(lun);
      return lunFromWire(wire) === lun && lunFromWire(Number(wire)) === lun;
    }),
  );
  t.is(lunToWire(255), 0x00ff_0000_0000_0000n);
  t.is(lunToWire(256), 0x4100_0000_0000_0000n);
});

test("a LUN is named by the flat method below 256 too", (t) => {
  t.is(lunFromWire(0x4005_0000_0000_0000n), 5);
});

test("other addressing methods, buses and second levels name nothing", (t) => {
  for (const wire of [
    0x0100_0000_0000_0000n,
    0x8000_0000_0000_0000n,
    0xc101_0000_0000_0000n,
    0x0000_0001_0000_0000n,
    0x0000_0000_0000_0001n,
    0x4001_ffff_ffff_ffffn,
    0xffff_ffff_ffff_ffffn,
  ]) {
    t.is(lunFromWire(wire), undefined);
  }
});

test("a number beyond the flat space is no LUN", (t) => {
  t.throws(() => lunToWire(MAX_LUN + 1), { instanceOf: RangeError });
  t.throws(() => lunToWire(-1), { instanceOf: RangeError });
});
