import test from "ava";
import { Inquiry, RequestSense, TestUnitReady } from "node-iscsi-target/scsi/cdb.ts";
import { FixedSense } from "node-iscsi-target/scsi/sense.ts";
import { BlockLimitsPage, DesignatorHeader, ProvisioningPage } from "node-iscsi-target/scsi/vpd/layouts.ts";
import { cdbOf, IDENTITY, PORT, rig, type ScsiHost, senseName } from "../../../helpers/scsi-host.ts";

async function page(host: ScsiHost, pageCode: number): Promise<Buffer> {
  const result = await host.send(cdbOf(Inquiry, { vitalData: 1, pageCode, allocationBytes: 0xffff }));
  return Buffer.from(result.dataIn ?? []);
}

test("standard INQUIRY data names the unit and the standards it follows", async (t) => {
  const { host } = await rig();
  const { dataIn } = await host.send(cdbOf(Inquiry, { allocationBytes: 255 }));
  const data = Buffer.from(dataIn ?? []);
  t.is(data.length, 96);
  t.is(data[4], 91);
  t.is(data[0], 0);
  t.is(data[1], 0);
  t.is(data[2], 6);
  t.is((data[3] ?? 0) & 0x0f, 2);
  t.is(data.toString("latin1", 8, 36), "SANLAB  VIRTUAL-DISK    0001");
  t.is((data[5] ?? 0) & 0x30, 0x30);
  t.is((data[7] ?? 0) & 0x02, 0x02);
  t.deepEqual(
    [58, 60, 62, 64].map((at) => data.readUInt16BE(at)),
    [0x00a0, 0x0460, 0x04c0, 0],
  );
});

test("INQUIRY data is cut to the allocation length", async (t) => {
  const { host } = await rig();
  for (const allocationBytes of [0, 5, 36]) {
    const { dataIn, dataInBytes } = await host.send(cdbOf(Inquiry, { allocationBytes }));
    t.is(dataIn?.length, allocationBytes);
    t.is(dataInBytes, allocationBytes);
  }
});

test("INQUIRY refuses a page code without EVPD, and pages that are not there", async (t) => {
  const { host } = await rig();
  for (const fields of [{ pageCode: 0x83 }, { vitalData: 1, pageCode: 0x81 }, { vitalData: 1, pageCode: 0xff }]) {
    const result = await host.send(cdbOf(Inquiry, { ...fields, allocationBytes: 255 }));
    t.is(senseName(result), "INVALID_FIELD_IN_CDB");
    t.is(FixedSense.senseKeySpecific.get(result.sense ?? Buffer.alloc(18), 0), 0xc00002);
  }
});

test("every page that VPD page 00h lists is there, with its code and its length", async (t) => {
  const { host } = await rig();
  const list = await page(host, 0);
  const codes = [...list.subarray(4)];
  t.deepEqual(codes, [0x00, 0x80, 0x83, 0x86, 0x87, 0x8f, 0xb0, 0xb1, 0xb2]);
  for (const code of codes) {
    const data = await page(host, code);
    t.is(data[1], code);
    t.is(data.readUInt16BE(2), data.length - 4);
  }
});

test("VPD page 80h is the serial number", async (t) => {
  const { host } = await rig({ serial: "ABC-42" });
  t.is((await page(host, 0x80)).toString("latin1", 4), "ABC-42");
});

test("VPD page 83h names the unit by its NAA designator, and the port through which it was asked", async (t) => {
  const { host } = await rig();
  const data = await page(host, 0x83);
  const found = new Map<string, Buffer>();
  for (let at = 4; at < data.length; ) {
    const header = DesignatorHeader.decode(data, at);
    found.set(`${header.association}/${header.type}`, data.subarray(at + 4, at + 4 + header.valueBytes));
    t.is(header.protocolKnown, header.association === 0 ? 0 : 1);
    t.is(header.protocolIdentifier, header.association === 0 ? 0 : 5);
    at += 4 + header.valueBytes;
  }
  t.is(found.get("0/3")?.toString("hex"), IDENTITY.naa);
  t.is(found.get("0/1")?.toString("latin1"), "SANLAB  SERIAL-0001");
  t.is(found.get("1/4")?.readUInt32BE(), PORT.relativePortId);
  t.is(found.get("1/5")?.readUInt32BE(), PORT.portGroup);
  const port = found.get("1/8") ?? Buffer.alloc(0);
  t.is(port.length % 4, 0);
  t.is(port.toString("utf8").replace(/\0+$/, ""), PORT.name);
  t.is(found.get("2/8")?.toString("utf8").replace(/\0+$/, ""), PORT.targetName);
});

test("VPD page B0h tells the limits of UNMAP and the granularity of the device, where it is thin", async (t) => {
  const thin = await rig({ allocationBytes: 1024 * 1024 });
  const limits = BlockLimitsPage.decode(await page(thin.host, 0xb0), 4);
  t.like(limits, {
    writeSameNonZero: 1,
    maxCompareAndWriteBlocks: 128,
    maxAtomicBlocks: 128,
    maxTransferBlocks: 32_768,
    maxUnmapBlocks: 1_048_576,
    maxUnmapDescriptors: 256,
    optimalUnmapBlocks: 2048,
    unmapAlignmentValid: 1,
  });
  const thick = await rig({ thin: false });
  t.like(BlockLimitsPage.decode(await page(thick.host, 0xb0), 4), {
    writeSameNonZero: 0,
    maxUnmapBlocks: 0,
    maxUnmapDescriptors: 0,
  });
});

test("VPD page B0h counts in blocks of the device", async (t) => {
  const { host } = await rig({ blockBytes: 4096, allocationBytes: 1024 * 1024 });
  const data = await page(host, 0xb0);
  t.like(BlockLimitsPage.decode(data, 4), {
    maxTransferBlocks: 4096,
    optimalGranularityBlocks: 1,
    optimalUnmapBlocks: 256,
  });
});

test("VPD page B2h says thin and zeros where the device is thin", async (t) => {
  const thin = await rig();
  const said = ProvisioningPage.decode(await page(thin.host, 0xb2), 4);
  t.deepEqual(said, {
    anchors: 0,
    thresholdExponent: 0,
    unmap: 1,
    writeSame16: 1,
    writeSame10: 1,
    readsZeros: 1,
    provisioningType: 2,
  });
  const thick = await rig({ thin: false });
  t.is(
    (await page(thick.host, 0xb2)).subarray(4).findIndex((byte) => byte !== 0),
    -1,
  );
});

test("VPD page B1h says that nothing rotates", async (t) => {
  const { host } = await rig();
  t.is((await page(host, 0xb1)).readUInt16BE(4), 1);
});

test("REQUEST SENSE without anything pending returns NO SENSE in the format that it asks for", async (t) => {
  const { host } = await rig();
  const fixed = await host.send(cdbOf(RequestSense, { allocationBytes: 252 }));
  t.deepEqual([...(fixed.dataIn ?? [])].slice(0, 8), [0x70, 0, 0, 0, 0, 0, 0, 10]);
  const descriptor = await host.send(cdbOf(RequestSense, { allocationBytes: 252, descriptorFormat: 1 }));
  t.deepEqual([...(descriptor.dataIn ?? [])], [0x72, 0, 0, 0, 0, 0, 0, 0]);
});

test("an unknown operation code is refused, and so is NACA", async (t) => {
  const { host } = await rig();
  for (const opcode of [0xff, 0x7f, 0xc0]) {
    t.is(senseName(await host.send(Buffer.from([opcode, ...Buffer.alloc(15)]))), "INVALID_COMMAND_OPERATION_CODE");
  }
  const result = await host.send(Buffer.from([0, 0, 0, 0, 0, 4]));
  t.is(senseName(result), "INVALID_FIELD_IN_CDB");
  t.is(FixedSense.senseKeySpecific.get(result.sense ?? Buffer.alloc(18), 0), 0xca0005);
  t.is(senseName(await host.send(cdbOf(TestUnitReady))), "GOOD");
});

test("an unknown service action of a known operation code is the field that is wrong", async (t) => {
  const { host } = await rig();
  const result = await host.send(Buffer.from([0x9e, 0x1f, ...Buffer.alloc(14)]));
  t.is(senseName(result), "INVALID_FIELD_IN_CDB");
  t.is(FixedSense.senseKeySpecific.get(result.sense ?? Buffer.alloc(18), 0), 0xcc0001);
});
