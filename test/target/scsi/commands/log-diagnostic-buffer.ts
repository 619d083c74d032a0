/** LOG SENSE, diagnostics and buffers, each seen by another command. */
import test from "ava";
import * as cdbs from "node-iscsi-target/scsi/cdb.ts";
import { BlockDeviceServer } from "node-iscsi-target/scsi/device-server.ts";
import { GeneralStatistics, LogPageHeader, ResourceCount } from "node-iscsi-target/scsi/log/layouts.ts";
import { LogicalUnit } from "node-iscsi-target/scsi/logical-unit.ts";
import { FixedInventory } from "node-iscsi-target/scsi/server-context.ts";
import { ProvisioningPage } from "node-iscsi-target/scsi/vpd/layouts.ts";
import { MemoryDevice } from "node-iscsi-target/storage/memory-device.ts";
import { anotherHost, cdbOf, IDENTITY, rig, type ScsiHost, senseName } from "../../../helpers/scsi-host.ts";

const ROOM = { allocationBytes: 4096 };

async function logPage(host: ScsiHost, pageCode: number, fields: Record<string, number> = {}): Promise<Buffer> {
  const result = await host.send(cdbOf(cdbs.LogSense, { pageControl: 1, pageCode, ...fields, ...ROOM }));
  if (result.status !== 0) throw new Error(senseName(result));
  return Buffer.from(result.dataIn ?? []);
}

async function memoryHost() {
  const unit = new LogicalUnit(new MemoryDevice({ sizeBytes: 1024 * 1024 }), IDENTITY);
  return await anotherHost(new BlockDeviceServer({ inventory: new FixedInventory(new Map([[0, unit]])) }));
}

test("LOG SENSE lists the pages that the unit has, and refuses others", async (t) => {
  const host = await memoryHost();
  t.deepEqual([...(await logPage(host, 0))], [0, 0, 0, 3, 0x00, 0x0c, 0x19]);
  const withSubpages = await logPage(host, 0, { subpageCode: 0xff });
  t.deepEqual([...withSubpages], [0x40, 0xff, 0, 8, 0, 0, 0, 0xff, 0x0c, 0, 0x19, 0]);
  const { host: scripted } = await rig();
  t.deepEqual([...(await logPage(scripted, 0))], [0, 0, 0, 2, 0x00, 0x19]);
  for (const fields of [{ pageCode: 0x0c }, { pageCode: 0x19, subpageCode: 1 }, { pageCode: 0x19, savePages: 1 }]) {
    const result = await scripted.send(cdbOf(cdbs.LogSense, { pageControl: 1, ...fields, ...ROOM }));
    t.is(senseName(result), "INVALID_FIELD_IN_CDB");
  }
});

test("log page 19h counts what hosts read and write", async (t) => {
  const { host, server } = await rig();
  const other = await anotherHost(server);
  await host.send(cdbOf(cdbs.Write10, { blocks: 4 }), Buffer.alloc(2048));
  await other.send(cdbOf(cdbs.Write10, { blocks: 1 }), Buffer.alloc(512));
  await other.send(cdbOf(cdbs.Read16, { blocks: 3 }));
  const page = await logPage(host, 0x19);
  t.is(LogPageHeader.pageBytes.get(page, 0), page.length - 4);
  t.deepEqual(GeneralStatistics.decode(page, 8), {
    readCommands: 1,
    writeCommands: 2,
    blocksReceived: 5,
    blocksTransmitted: 3,
  });
});

test("log page 0Ch counts what is mapped, in the threshold sets of VPD page B2h", async (t) => {
  const host = await memoryHost();
  const vpd = await host.send(cdbOf(cdbs.Inquiry, { vitalData: 1, pageCode: 0xb2, ...ROOM }));
  t.is(ProvisioningPage.thresholdExponent.get(vpd.dataIn as Uint8Array, 4), 7, "128 blocks, a page of memory");
  await host.send(cdbOf(cdbs.Write10, { lba: 0, blocks: 129 }), Buffer.alloc(129 * 512, 1));
  const page = await logPage(host, 0x0c);
  t.deepEqual([ResourceCount.count.get(page, 8), ResourceCount.count.get(page, 20)], [14, 2]);
  t.is((await logPage(host, 0x0c, { parameterPointer: 2 })).readUInt16BE(4), 2);
});

test("an echo comes back to the nexus that sent it, and to no other", async (t) => {
  const { host, server } = await rig();
  const other = await anotherHost(server);
  const read = (from: ScsiHost) => from.send(cdbOf(cdbs.ReadBuffer, { mode: 0x0a, ...ROOM }));
  t.is(senseName(await read(host)), "COMMAND_SEQUENCE_ERROR");
  await host.send(cdbOf(cdbs.WriteBuffer, { mode: 0x0a, listBytes: 5 }), Buffer.from("hello"));
  t.is(Buffer.from((await read(host)).dataIn ?? []).toString(), "hello");
  t.is(senseName(await read(other)), "COMMAND_SEQUENCE_ERROR");
  const tooLong = await host.send(cdbOf(cdbs.WriteBuffer, { mode: 0x0a, listBytes: 4097 }), Buffer.alloc(4097));
  t.is(senseName(tooLong), "INVALID_FIELD_IN_CDB");
});

test("the data buffer is one for all, as long as its descriptor says", async (t) => {
  const { host, server } = await rig();
  const other = await anotherHost(server);
  const descriptor = await host.send(cdbOf(cdbs.ReadBuffer, { mode: 3, allocationBytes: 4 }));
  t.deepEqual([...(descriptor.dataIn ?? [])], [0, 1, 0, 0]);
  await host.send(cdbOf(cdbs.WriteBuffer, { mode: 2, offset: 65_534, listBytes: 2 }), Buffer.from("ab"));
  const { dataIn } = await other.send(cdbOf(cdbs.ReadBuffer, { mode: 2, offset: 65_533, ...ROOM }));
  t.is(Buffer.from(dataIn ?? []).toString(), "\0ab");
  const beyond = await host.send(cdbOf(cdbs.WriteBuffer, { mode: 2, offset: 65_535, listBytes: 2 }), Buffer.alloc(2));
  t.is(senseName(beyond), "INVALID_FIELD_IN_CDB");
  t.is(
    senseName(await host.send(cdbOf(cdbs.WriteBuffer, { mode: 5, listBytes: 2 }), Buffer.alloc(2))),
    "INVALID_FIELD_IN_CDB",
  );
});

test("a self-test reads both ends of the medium, and tells where it cannot", async (t) => {
  const { host, device } = await rig();
  t.is(senseName(await host.send(cdbOf(cdbs.SendDiagnostic, { selfTest: 1 }))), "GOOD");
  t.deepEqual(
    device.ios.map(({ kind, offset }) => [kind, offset]),
    [
      ["read", 0],
      ["read", device.sizeBytes - 512],
    ],
  );
  device.script = ({ offset }) => (offset > 0 ? { kind: "medium-error", offset } : undefined);
  t.is(senseName(await host.send(cdbOf(cdbs.SendDiagnostic, { selfTestCode: 5 }))), "FAILED_SELF_TEST");
  t.is(senseName(await host.send(cdbOf(cdbs.SendDiagnostic, { selfTestCode: 1 }))), "INVALID_FIELD_IN_CDB");
});

test("the supported diagnostic pages can be asked for, and are told", async (t) => {
  const { host } = await rig();
  t.is(
    senseName(await host.send(cdbOf(cdbs.SendDiagnostic, { pageFormat: 1, listBytes: 4 }), Buffer.alloc(4))),
    "GOOD",
  );
  const { dataIn } = await host.send(cdbOf(cdbs.ReceiveDiagnosticResults, ROOM));
  t.deepEqual([...(dataIn ?? [])], [0, 0, 0, 1, 0]);
  const unknown = await host.send(cdbOf(cdbs.ReceiveDiagnosticResults, { pageCodeValid: 1, pageCode: 1, ...ROOM }));
  t.is(senseName(unknown), "INVALID_FIELD_IN_CDB");
});
