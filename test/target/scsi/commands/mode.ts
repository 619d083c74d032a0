import test from "ava";
import {
  type CdbLayout,
  ModeSelect6,
  ModeSelect10,
  ModeSense6,
  ModeSense10,
  Read10,
  Write10,
} from "node-iscsi-target/scsi/cdb.ts";
import { CachingPage, ControlPage, ModeHeader10 } from "node-iscsi-target/scsi/mode/layouts.ts";
import { DescriptorSense, FieldPointerBytes, FixedSense } from "node-iscsi-target/scsi/sense.ts";
import { anotherHost, cdbOf, rig, type ScsiHost, senseName } from "../../../helpers/scsi-host.ts";

/** The page as it is, behind a header and without block descriptors. */
async function sensed(host: ScsiHost, pageCode: number, pageControl = 0): Promise<Buffer> {
  const cdb = cdbOf(ModeSense10, { pageCode, pageControl, disableBlockDescriptors: 1, allocationBytes: 255 });
  return Buffer.from((await host.send(cdb)).dataIn ?? []);
}

/** MODE SELECT (10) of what `sensed` returned, with `change` made in its page. */
async function select(host: ScsiHost, pageCode: number, change: (page: Buffer) => void) {
  const list = await sensed(host, pageCode);
  list.fill(0, 0, ModeHeader10.sizeBytes);
  change(list.subarray(ModeHeader10.sizeBytes));
  return host.send(cdbOf(ModeSelect10, { pageFormat: 1, listBytes: list.length }), list);
}

test("MODE SENSE returns all pages, in order, with lengths that add up", async (t) => {
  const { host } = await rig();
  const six = Buffer.from((await host.send(cdbOf(ModeSense6, { pageCode: 0x3f, allocationBytes: 255 }))).dataIn ?? []);
  t.is(six[0], six.length - 1);
  t.is(six[3], 8);
  t.is(six.readUInt32BE(4), 2048);
  t.is(six.readUIntBE(9, 3), 512);
  const codes: number[] = [];
  for (let at = 12; at < six.length; at += 2 + (six[at + 1] ?? 0)) codes.push((six[at] ?? 0) & 0x3f);
  t.deepEqual(codes, [0x01, 0x02, 0x08, 0x0a, 0x1c]);
  const ten = Buffer.from((await host.send(cdbOf(ModeSense10, { pageCode: 0x3f, allocationBytes: 255 }))).dataIn ?? []);
  t.is(ten.readUInt16BE(0), ten.length - 2);
  t.deepEqual(ten.subarray(16), six.subarray(12));
  const long = await host.send(cdbOf(ModeSense10, { pageCode: 0x3f, longLbaAccepted: 1, allocationBytes: 255 }));
  const data = Buffer.from(long.dataIn ?? []);
  t.deepEqual([data[4], data.readUInt16BE(6), data.readBigUInt64BE(8), data.readUInt32BE(20)], [1, 16, 2048n, 512]);
});

test("MODE SENSE refuses unknown pages, unknown subpages and saved values", async (t) => {
  const { host } = await rig();
  t.is(senseName(await host.send(cdbOf(ModeSense6, { pageCode: 0x05, allocationBytes: 255 }))), "INVALID_FIELD_IN_CDB");
  t.is(senseName(await host.send(cdbOf(ModeSense6, { pageCode: 0x0a, subpageCode: 5 }))), "INVALID_FIELD_IN_CDB");
  t.is(
    senseName(await host.send(cdbOf(ModeSense6, { pageCode: 0x3f, pageControl: 3 }))),
    "SAVING_PARAMETERS_NOT_SUPPORTED",
  );
  t.is(
    senseName(await host.send(cdbOf(ModeSense6, { pageCode: 0x3f, subpageCode: 0xff, allocationBytes: 4 }))),
    "GOOD",
  );
});

test("MODE SENSE shows which bits can be changed, and defaults that stay", async (t) => {
  const { host } = await rig();
  await select(host, 0x08, (page) => CachingPage.writeCache.set(page, 0, 0));
  const at = ModeHeader10.sizeBytes;
  t.is(CachingPage.writeCache.get(await sensed(host, 0x08, 0), at), 0);
  t.is(CachingPage.writeCache.get(await sensed(host, 0x08, 2), at), 1);
  const changeable = (await sensed(host, 0x08, 1)).subarray(at);
  t.deepEqual([...changeable.subarray(0, 3)], [0x08, 18, 0x04]);
});

test("with the write cache off every write goes to the medium", async (t) => {
  const { host, device } = await rig();
  t.is(senseName(await select(host, 0x08, (page) => CachingPage.writeCache.set(page, 0, 0))), "GOOD");
  await host.send(cdbOf(Write10, { blocks: 1 }), Buffer.alloc(512));
  t.deepEqual(
    device.ios.map(({ kind, fua }) => [kind, fua]),
    [
      ["flush", false],
      ["write", true],
    ],
  );
});

test("SWP write-protects the unit for all hosts, and says so in the header", async (t) => {
  const { host, server, device } = await rig();
  const other = await anotherHost(server);
  t.is(senseName(await select(host, 0x0a, (page) => ControlPage.softwareWriteProtect.set(page, 0, 1))), "GOOD");
  t.is(senseName(await other.send(cdbOf(Write10, { blocks: 1 }), Buffer.alloc(512))), "06/2a/01");
  t.is(senseName(await other.send(cdbOf(Write10, { blocks: 1 }), Buffer.alloc(512))), "WRITE_PROTECTED");
  t.is(senseName(await other.send(cdbOf(Read10, { blocks: 1 }))), "GOOD");
  t.is(ModeHeader10.writeProtected.get(await sensed(host, 0x0a), 0), 1);
  t.false(device.ios.some(({ kind }) => kind === "write"));
  t.is(senseName(await select(host, 0x0a, (page) => ControlPage.softwareWriteProtect.set(page, 0, 0))), "GOOD");
  t.is(senseName(await host.send(cdbOf(Write10, { blocks: 1 }), Buffer.alloc(512))), "GOOD");
});

test("D_SENSE changes the format of sense data, with the same contents", async (t) => {
  const { host, device } = await rig();
  await select(host, 0x0a, (page) => ControlPage.descriptorSense.set(page, 0, 1));
  device.script = () => ({ kind: "medium-error", offset: 3 * 512 });
  const { sense = Buffer.alloc(0) } = await host.send(cdbOf(Read10, { blocks: 8 }));
  t.like(DescriptorSense.decode(sense), { responseCode: 0x72, senseKey: 3, asc: 0x11, additionalBytes: 12 });
  t.is(Buffer.from(sense).readBigUInt64BE(12), 3n);
  const invalid = await host.send(cdbOf(Read10, { protect: 1 }));
  t.deepEqual([...(invalid.sense ?? [])].slice(7), [8, 2, 6, 0, 0, 0xcf, 0, 1, 0]);
});

test("a MODE SELECT that changes nothing tells nobody", async (t) => {
  const { host, server } = await rig();
  const other = await anotherHost(server);
  t.is(senseName(await select(host, 0x0a, () => undefined)), "GOOD");
  t.deepEqual(await other.attentions(), []);
});

test("a MODE SELECT with one wrong field changes nothing, and points at the byte", async (t) => {
  const { host } = await rig();
  const list = Buffer.concat([(await sensed(host, 0x08)).fill(0, 0, 8), (await sensed(host, 0x0a)).subarray(8)]);
  CachingPage.writeCache.set(list, 8, 0);
  const busyTimeout = 8 + 20 + 8;
  list[busyTimeout] = 0;
  const result = await host.send(cdbOf(ModeSelect10, { pageFormat: 1, listBytes: list.length }), list);
  t.is(senseName(result), "INVALID_FIELD_IN_PARAMETER_LIST");
  const specific = (result.sense ?? Buffer.alloc(18)).subarray(15);
  t.like(FieldPointerBytes.decode(specific), { valid: 1, inCdb: 0, byte: busyTimeout });
  t.is(CachingPage.writeCache.get(await sensed(host, 0x08), 8), 1);
});

test("MODE SELECT refuses lists cut short, unknown pages, saving and a changed block length", async (t) => {
  const { host } = await rig();
  const send = async (layout: CdbLayout & typeof ModeSelect6, list: Buffer, fields = {}) =>
    senseName(await host.send(cdbOf(layout, { pageFormat: 1, listBytes: list.length, ...fields }), list));
  t.is(await send(ModeSelect6, Buffer.alloc(0)), "GOOD");
  t.is(await send(ModeSelect6, Buffer.alloc(3)), "PARAMETER_LIST_LENGTH_ERROR");
  t.is(await send(ModeSelect6, Buffer.from([0, 0, 0, 0, 0x08, 18, 4])), "PARAMETER_LIST_LENGTH_ERROR");
  t.is(await send(ModeSelect6, Buffer.from([0, 0, 0, 0, 0x08, 10, 4])), "INVALID_FIELD_IN_PARAMETER_LIST");
  t.is(await send(ModeSelect6, Buffer.from([0, 0, 0, 0, 0x3e, 0])), "INVALID_FIELD_IN_PARAMETER_LIST");
  t.is(await send(ModeSelect6, Buffer.alloc(4), { savePages: 1 }), "INVALID_FIELD_IN_CDB");
  t.is(await send(ModeSelect6, Buffer.alloc(4), { pageFormat: 0 }), "INVALID_FIELD_IN_CDB");
  const descriptor = (blockBytes: number) => Buffer.from([0, 0, 0, 8, 0, 0, 8, 0, 0, 0, blockBytes >> 8, 0]);
  t.is(await send(ModeSelect6, descriptor(512)), "GOOD");
  t.is(await send(ModeSelect6, descriptor(4096)), "INVALID_FIELD_IN_PARAMETER_LIST");
  t.is(await send(ModeSelect6, Buffer.from([0, 0, 0, 5])), "INVALID_FIELD_IN_PARAMETER_LIST");
});

test("a failing flush keeps MODE SELECT from turning the write cache off", async (t) => {
  const { host, device } = await rig();
  device.script = () => ({ kind: "medium-error", offset: 0 });
  const result = await select(host, 0x08, (page) => CachingPage.writeCache.set(page, 0, 0));
  t.is(senseName(result), "WRITE_ERROR");
  t.is(FixedSense.valid.get(result.sense ?? Buffer.alloc(18), 0), 0);
  t.is(CachingPage.writeCache.get(await sensed(host, 0x08), 8), 1);
});

test("the Control Extension page is a subpage, in lists of all subpages and in MODE SELECT", async (t) => {
  const { host } = await rig();
  const sense = (fields: Record<string, number>) =>
    host.send(cdbOf(ModeSense10, { disableBlockDescriptors: 1, allocationBytes: 1024, ...fields }));
  const one = Buffer.from((await sense({ pageCode: 0x0a, subpageCode: 1 })).dataIn ?? []).subarray(8);
  t.deepEqual([...one.subarray(0, 5)], [0x4a, 0x01, 0, 0x1c, 0x01]);
  const all = Buffer.from((await sense({ pageCode: 0x3f, subpageCode: 0xff })).dataIn ?? []);
  const plain = Buffer.from((await sense({ pageCode: 0x3f })).dataIn ?? []);
  t.is(all.length, plain.length + 32);
  const select = (page: Buffer) =>
    host.send(cdbOf(ModeSelect10, { pageFormat: 1, listBytes: 40 }), Buffer.concat([Buffer.alloc(8), page]));
  t.is(senseName(await select(one)), "GOOD");
  one[5] = 1;
  t.is(senseName(await select(one)), "INVALID_FIELD_IN_PARAMETER_LIST");
});
