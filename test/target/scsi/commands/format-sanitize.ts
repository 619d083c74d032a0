/** FORMAT UNIT and SANITIZE: what is left on the medium, and what others are told meanwhile. */
import test from "ava";
import * as cdbs from "node-iscsi-target/scsi/cdb.ts";
import { BlockDeviceServer } from "node-iscsi-target/scsi/device-server.ts";
import { LogicalUnit } from "node-iscsi-target/scsi/logical-unit.ts";
import { FormatHeaderShort, OverwriteList } from "node-iscsi-target/scsi/parameter-data.ts";
import { FixedSense } from "node-iscsi-target/scsi/sense.ts";
import { FixedInventory } from "node-iscsi-target/scsi/server-context.ts";
import { EncryptedDevice } from "node-iscsi-target/storage/encryption/encrypted-device.ts";
import { MemoryDevice } from "node-iscsi-target/storage/memory-device.ts";
import { anotherHost, cdbOf, IDENTITY, type Rig, rig, type ScsiHost, senseName } from "../../../helpers/scsi-host.ts";

const { SanitizeBlockErase, SanitizeOverwrite, SanitizeExitFailure, FormatUnit } = cdbs;

const ready = async (host: ScsiHost) => senseName(await host.send(cdbOf(cdbs.TestUnitReady)));

function overwrite(fields: Record<string, number>, pattern: Buffer, immediate = 0): [Buffer, Buffer] {
  const list = Buffer.concat([OverwriteList.encode({ passes: 1, patternBytes: pattern.length, ...fields }), pattern]);
  return [cdbOf(SanitizeOverwrite, { listBytes: list.length, immediate }), list];
}

/** Waits, for a bounded time, until the unit is ready again. */
async function finished(host: ScsiHost): Promise<string> {
  for (let tries = 0; tries < 1000; tries++) {
    const said = await ready(host);
    if (!said.endsWith("_IN_PROGRESS")) return said;
    await new Promise(setImmediate);
  }
  throw new Error("The operation did not come to its end.");
}

async function written(options: Parameters<typeof rig>[0] = {}): Promise<Rig> {
  const started = await rig(options);
  await started.host.send(cdbOf(cdbs.Write10, { lba: 100, blocks: 4 }), Buffer.alloc(2048, 9));
  return started;
}

for (const thin of [true, false]) {
  test(`${thin ? "FORMAT UNIT and BLOCK ERASE leave" : "FORMAT UNIT leaves"} nothing on a ${thin ? "thin" : "thick"} unit`, async (t) => {
    for (const cdb of thin ? [cdbOf(FormatUnit), cdbOf(SanitizeBlockErase)] : [cdbOf(FormatUnit)]) {
      const { host, device } = await written({ thin });
      t.is(senseName(await host.send(cdb)), "GOOD");
      t.deepEqual(device.bytes, Buffer.alloc(device.sizeBytes));
      t.deepEqual(
        new Set(device.ios.slice(1).map(({ kind }) => kind)),
        new Set([thin ? "unmap" : "writeZeroes", "flush"]),
      );
    }
  });
}

test("OVERWRITE repeats its pattern in every block, inverted in every second pass with INVERT", async (t) => {
  const { host, device } = await written({ blocks: 64 });
  const pattern = Buffer.from([1, 2, 3]);
  t.is(senseName(await host.send(...overwrite({ passes: 2, invert: 1 }, pattern))), "GOOD");
  t.deepEqual([...device.bytes.subarray(512, 516)], [0xfe, 0xfd, 0xfc, 0xfe]);
  t.is(senseName(await host.send(...overwrite({}, pattern))), "GOOD");
  t.deepEqual([...device.bytes.subarray(0, 512)], [...device.bytes.subarray(63 * 512)]);
  t.deepEqual([...device.bytes.subarray(0, 4)], [1, 2, 3, 1]);
});

test("with IMMED the command ends at once, and others are told how far it is until it is done", async (t) => {
  const { host, server, device } = await written();
  const other = await anotherHost(server);
  device.holding = true;
  t.is(senseName(await host.send(cdbOf(SanitizeBlockErase, { immediate: 1 }))), "GOOD");
  const refused = await other.send(cdbOf(cdbs.Read10, { lba: 0, blocks: 1 }));
  t.is(senseName(refused), "SANITIZE_IN_PROGRESS");
  t.is((refused.sense as Uint8Array)[15], 0x80, "SKSV: there is a progress indication");
  const { dataIn } = await other.send(cdbOf(cdbs.RequestSense, { allocationBytes: 252 }));
  t.like(FixedSense.decode(dataIn as Uint8Array), { senseKey: 2, asc: 4, ascq: 0x1b, senseKeySpecific: 0x80_0000 });
  t.is(senseName(await other.send(cdbOf(cdbs.Inquiry, { allocationBytes: 36 }))), "GOOD");
  t.is(senseName(await other.send(cdbOf(SanitizeBlockErase))), "SANITIZE_IN_PROGRESS");
  t.is(senseName(await other.send(cdbOf(cdbs.StartStopUnit, { start: 1 }))), "SANITIZE_IN_PROGRESS");
  device.release();
  t.is(await finished(other), "GOOD");
  t.deepEqual(device.bytes, Buffer.alloc(device.sizeBytes));
});

test("FORMAT UNIT takes IMMED from its parameter list, and no defects, pattern or protection", async (t) => {
  const { host, device } = await written();
  const format = (fields: Record<string, number>) =>
    host.send(cdbOf(FormatUnit, { formatData: 1 }), FormatHeaderShort.encode(fields));
  t.is(senseName(await format({ defectBytes: 8 })), "INVALID_FIELD_IN_PARAMETER_LIST");
  t.is(senseName(await format({ initializationPattern: 1 })), "INVALID_FIELD_IN_PARAMETER_LIST");
  t.is(senseName(await host.send(cdbOf(FormatUnit, { protectionInfo: 1 }))), "INVALID_FIELD_IN_CDB");
  device.holding = true;
  t.is(senseName(await format({ immediate: 1 })), "GOOD");
  t.is(await ready(host), "FORMAT_IN_PROGRESS");
  device.release();
  t.is(await finished(host), "GOOD");
  t.is(device.bytes[100 * 512], 0);
});

test("neither a reset nor an abort ends a SANITIZE", async (t) => {
  const { host, server, device } = await written();
  device.holding = true;
  const sanitize = host.start(cdbOf(SanitizeBlockErase));
  await server.logicalUnitReset(host.nexus, 0);
  t.is((await sanitize.answer).kind, "aborted");
  await host.attentions();
  t.is(await ready(host), "SANITIZE_IN_PROGRESS");
  device.release();
  t.is(await finished(host), "GOOD");
  t.is(device.bytes[100 * 512], 0);
});

test("a write whose data comes after SANITIZE began does not reach the medium", async (t) => {
  const { host, server, device } = await written();
  const task = host.task(cdbOf(cdbs.Write10, { lba: 0, blocks: 1 }));
  t.is(server.admit(task).kind, "accepted");
  device.holding = true;
  await host.send(cdbOf(SanitizeBlockErase, { immediate: 1 }));
  t.is(senseName(await server.execute(task, [Buffer.alloc(512, 3)])), "SANITIZE_IN_PROGRESS");
  device.release();
  t.is(await finished(host), "GOOD");
  t.is(device.bytes[0], 0);
});

test("a SANITIZE that failed shuts the unit until another succeeds, or EXIT FAILURE MODE where that was allowed", async (t) => {
  const { host, device } = await written();
  device.script = ({ kind }) => (kind === "unmap" ? { kind: "medium-error", offset: 0 } : undefined);
  t.is(senseName(await host.send(cdbOf(SanitizeBlockErase))), "SANITIZE_COMMAND_FAILED");
  t.is(senseName(await host.send(cdbOf(cdbs.Read10, { blocks: 1 }))), "SANITIZE_COMMAND_FAILED");
  t.is(senseName(await host.send(cdbOf(SanitizeExitFailure))), "INVALID_FIELD_IN_CDB");
  await host.send(cdbOf(SanitizeBlockErase, { unrestrictedExit: 1 }));
  t.is(senseName(await host.send(cdbOf(SanitizeExitFailure))), "GOOD");
  t.is(senseName(await host.send(cdbOf(cdbs.Read10, { blocks: 1 }))), "GOOD");
  await host.send(cdbOf(SanitizeBlockErase));
  device.script = () => undefined;
  t.is(senseName(await host.send(cdbOf(SanitizeBlockErase))), "GOOD");
  t.is(await ready(host), "GOOD");
});

test("SANITIZE refuses reserved bits and lists that say something else", async (t) => {
  const { host, device } = await written();
  for (const [byte, value] of [
    [1, 0x40],
    [3, 0x01],
  ] as const) {
    const cdb = cdbOf(SanitizeBlockErase);
    cdb[byte] = (cdb[byte] as number) | value;
    const result = await host.send(cdb);
    t.is(senseName(result), "INVALID_FIELD_IN_CDB");
    t.is(FixedSense.decode(result.sense as Uint8Array).senseKeySpecific & 0xffff, byte);
  }
  const pattern = Buffer.from([1]);
  t.is(senseName(await host.send(...overwrite({ passes: 0 }, pattern))), "INVALID_FIELD_IN_PARAMETER_LIST");
  t.is(senseName(await host.send(...overwrite({ patternBytes: 2 }, pattern))), "INVALID_FIELD_IN_PARAMETER_LIST");
  t.is(senseName(await host.send(cdbOf(SanitizeOverwrite, { listBytes: 4 }))), "INVALID_FIELD_IN_CDB");
  t.is(device.bytes[100 * 512], 9);
});

test("READ DEFECT DATA tells lists that are empty", async (t) => {
  const { host } = await rig();
  const ten = await host.send(cdbOf(cdbs.ReadDefectData10, { primary: 1, grown: 1, format: 5, allocationBytes: 100 }));
  t.deepEqual([...(ten.dataIn ?? [])], [0, 0x1d, 0, 0]);
  const twelve = await host.send(cdbOf(cdbs.ReadDefectData12, { grown: 1, allocationBytes: 100 }));
  t.deepEqual([...(twelve.dataIn ?? [])], [0, 0x08, 0, 0, 0, 0, 0, 0]);
  t.is(senseName(await host.send(cdbOf(cdbs.ReadDefectData10, { format: 6 }))), "INVALID_FIELD_IN_CDB");
});

test("CRYPTOGRAPHIC ERASE is there where the device is encrypted, and leaves nothing of what was written", async (t) => {
  const stored = new MemoryDevice({ sizeBytes: 1024 * 1024 });
  const unit = new LogicalUnit(new EncryptedDevice(stored), IDENTITY);
  const server = new BlockDeviceServer({ inventory: new FixedInventory(new Map([[0, unit]])) });
  const [host, other] = [await anotherHost(server), await anotherHost(server)];
  const page = async () =>
    (await host.send(cdbOf(cdbs.Inquiry, { vitalData: 1, pageCode: 0xb1, allocationBytes: 64 }))).dataIn;
  t.is(((await page())?.[7] ?? 0) & 0x30, 0x10, "WACEREQ 01b: what is left can be read");
  const read = async () => Buffer.from((await other.send(cdbOf(cdbs.Read10, { lba: 0, blocks: 16 }))).dataIn ?? []);
  await host.send(cdbOf(cdbs.Write10, { lba: 0, blocks: 8 }), Buffer.alloc(4096, 7));
  t.deepEqual((await read()).subarray(0, 4096), Buffer.alloc(4096, 7));
  t.is(
    senseName(await host.send(cdbOf(cdbs.SanitizeCryptoErase, { listBytes: 8 }), Buffer.alloc(8))),
    "INVALID_FIELD_IN_CDB",
  );
  t.is(senseName(await host.send(cdbOf(cdbs.SanitizeCryptoErase))), "GOOD");
  const found = await read();
  t.false(found.subarray(0, 4096).includes(Buffer.alloc(16, 7)));
  t.deepEqual(found.subarray(4096), Buffer.alloc(4096), "what was never written has no contents to lose");

  const plain = await rig({ encrypted: false });
  t.is(senseName(await plain.host.send(cdbOf(cdbs.SanitizeCryptoErase))), "INVALID_COMMAND_OPERATION_CODE");
});

test("a CRYPTOGRAPHIC ERASE that could not change the key has failed", async (t) => {
  const keys = {
    load: () => Buffer.alloc(64, "0123456789"),
    replace: () => Promise.reject(Object.assign(new Error("EIO"), { code: "EIO" })),
  };
  const unit = new LogicalUnit(new EncryptedDevice(new MemoryDevice({ sizeBytes: 1024 * 1024 }), keys), IDENTITY);
  const server = new BlockDeviceServer({ inventory: new FixedInventory(new Map([[0, unit]])) });
  const host = await anotherHost(server);
  t.is(senseName(await host.send(cdbOf(cdbs.SanitizeCryptoErase))), "SANITIZE_COMMAND_FAILED");
  t.is(senseName(await host.send(cdbOf(cdbs.Read10, { blocks: 1 }))), "SANITIZE_COMMAND_FAILED");
});
