import test from "ava";
import { Condition } from "node-iscsi-target/scsi/condition.ts";
import { DescriptorSense, FixedSense, senseData } from "node-iscsi-target/scsi/sense.ts";

test("fixed sense data carries key, code, qualifier and an address of 32 bits", (t) => {
  const data = senseData(Condition.UNRECOVERED_READ_ERROR, false, { information: 0xffff_ffff });
  t.deepEqual(FixedSense.decode(data), {
    valid: 1,
    responseCode: 0x70,
    senseKey: 3,
    information: 0xffff_ffff,
    additionalBytes: 10,
    sourceAt: 0,
    destinationAt: 0,
    segment: 0,
    asc: 0x11,
    ascq: 0,
    senseKeySpecific: 0,
  });
});

test("an address that fixed sense data cannot hold is not valid there, and is in descriptor format", (t) => {
  const detail = { information: 2 ** 32 };
  t.like(FixedSense.decode(senseData(Condition.WRITE_ERROR, false, detail)), { valid: 0, information: 0 });
  const data = senseData(Condition.WRITE_ERROR, true, detail);
  t.is(data.readBigUInt64BE(12), 2n ** 32n);
  t.deepEqual([...data.subarray(8, 12)], [0, 10, 0x80, 0]);
  t.is(DescriptorSense.additionalBytes.get(data, 0), data.length - 8);
});

test("a field pointer tells the byte, and the bit where there is one", (t) => {
  const specific = (pointer: { inCdb: boolean; byte: number; bit?: number }) =>
    FixedSense.senseKeySpecific.get(senseData(Condition.INVALID_FIELD_IN_CDB, false, { pointer }), 0);
  t.is(specific({ inCdb: true, byte: 2 }), 0xc00002);
  t.is(specific({ inCdb: true, byte: 1, bit: 7 }), 0xcf0001);
  t.is(specific({ inCdb: false, byte: 300 }), 0x80012c);
});
