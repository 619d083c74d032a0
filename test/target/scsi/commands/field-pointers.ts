/** ILLEGAL REQUEST points at the field that is wrong (SPC-4 4.5.2.4.2), in both sense formats. */
import test from "ava";
import * as cdbs from "node-iscsi-target/scsi/cdb.ts";
import { commandTable } from "node-iscsi-target/scsi/commands/table.ts";
import { locationOf } from "node-iscsi-target/scsi/fields.ts";
import { DescriptorSense, FieldPointerBytes, FixedSense } from "node-iscsi-target/scsi/sense.ts";
import type { ScsiResult } from "node-iscsi-target/scsi/transport.ts";
import type { Field } from "node-iscsi-target/wire/layout.ts";
import { cdbOf, rig, senseName } from "../../../helpers/scsi-host.ts";

/** The sense key specific bytes, decoded; undefined where there are none. */
function pointerOf({ sense }: ScsiResult): { inCdb: number; byte: number } | undefined {
  const data = Buffer.from(sense ?? []);
  const fixed = FixedSense.responseCode.get(data, 0) === 0x70;
  const at = fixed ? 15 : data.indexOf(Buffer.from([2, 6]), DescriptorSense.sizeBytes) + 4;
  const { valid, inCdb, byte } = FieldPointerBytes.decode(data, at);
  return valid === 1 ? { inCdb, byte } : undefined;
}

const addressed = commandTable.filter(({ cdb }) => cdb.lba !== undefined && cdb !== cdbs.ReadCapacity10);

for (const { cdb: layout } of addressed) {
  test(`${layout.name} of blocks past the end points at its address`, async (t) => {
    const { host, unit } = await rig();
    const { lba, blocks } = layout as typeof cdbs.Read10;
    const cdb = cdbOf(layout as typeof cdbs.Read10);
    (lba as Field).set(cdb, 0, unit.blocks);
    (blocks as Field | undefined)?.set(cdb, 0, 1);
    for (const descriptorSense of [false, true]) {
      unit.mode.descriptorSense = descriptorSense;
      const result = await host.send(cdb, Buffer.alloc(1024), {
        expectedOutBytes: layout === cdbs.CompareAndWrite ? 1024 : 512,
      });
      t.is(senseName(result), "LBA_OUT_OF_RANGE");
      t.deepEqual(pointerOf(result), { inCdb: 1, byte: locationOf(lba).byte });
    }
  });
}

test("all that address blocks are looked at above", (t) => t.is(addressed.length, 24));

test("UNMAP of blocks past the end points at its descriptor in the list", async (t) => {
  const { host, unit } = await rig();
  const list = Buffer.alloc(8 + 32);
  list.writeUInt16BE(38, 0);
  list.writeUInt16BE(32, 2);
  list.writeUInt32BE(1, 16);
  list.writeUInt32BE(unit.blocks, 28);
  list.writeUInt32BE(1, 32);
  const result = await host.send(cdbOf(cdbs.Unmap, { listBytes: list.length }), list);
  t.is(senseName(result), "LBA_OUT_OF_RANGE");
  t.deepEqual(pointerOf(result), { inCdb: 0, byte: 24 });
});

for (const [layout, bytes] of [
  [cdbs.ModeSelect10, 3],
  [cdbs.Register, 23],
  [cdbs.ExtendedCopy, 15],
  [cdbs.PopulateToken, 15],
  [cdbs.SendDiagnostic, 3],
] as const) {
  test(`a list of ${bytes} bytes is a wrong length for ${layout.name}, which points at where the CDB says so`, async (t) => {
    const { host } = await rig();
    const cdb = cdbOf(layout as typeof cdbs.ModeSelect10, { listBytes: bytes, pageFormat: 1 });
    const result = await host.send(cdb, Buffer.alloc(bytes));
    t.is(senseName(result), "PARAMETER_LIST_LENGTH_ERROR");
    t.deepEqual(pointerOf(result), { inCdb: 1, byte: locationOf(layout.listBytes).byte });
  });
}
