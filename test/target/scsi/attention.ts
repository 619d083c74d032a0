import test from "ava";
import { Attention, AttentionQueue } from "node-iscsi-target/scsi/attention.ts";
import {
  Inquiry,
  Read10,
  ReadCapacity10,
  ReportLuns,
  RequestSense,
  TestUnitReady,
} from "node-iscsi-target/scsi/cdb.ts";
import { BlockDeviceServer } from "node-iscsi-target/scsi/device-server.ts";
import { LogicalUnit } from "node-iscsi-target/scsi/logical-unit.ts";
import { FixedSense } from "node-iscsi-target/scsi/sense.ts";
import { FixedInventory } from "node-iscsi-target/scsi/server-context.ts";
import { ScriptedDevice } from "../../helpers/scripted-device.ts";
import { anotherHost, cdbOf, IDENTITY, rig, ScsiHost, senseName } from "../../helpers/scsi-host.ts";

const TUR = cdbOf(TestUnitReady);

test("conditions are reported by precedence, then by age, each once", (t) => {
  const queue = new AttentionQueue();
  queue.establish(Attention.CAPACITY_DATA_HAS_CHANGED);
  queue.establish(Attention.REPORTED_LUNS_DATA_HAS_CHANGED);
  queue.establish(Attention.BUS_DEVICE_RESET);
  queue.establish(Attention.CAPACITY_DATA_HAS_CHANGED);
  queue.establish(Attention.POWER_ON);
  t.deepEqual(
    [1, 2, 3, 4, 5].map(() => queue.take()),
    [
      Attention.POWER_ON,
      Attention.BUS_DEVICE_RESET,
      Attention.CAPACITY_DATA_HAS_CHANGED,
      Attention.REPORTED_LUNS_DATA_HAS_CHANGED,
      undefined,
    ],
  );
});

test("the first command of a nexus on each unit is told of power-on, and only it", async (t) => {
  const units = new Map([0, 1].map((lun) => [lun, new LogicalUnit(new ScriptedDevice(), IDENTITY)]));
  const server = new BlockDeviceServer({ inventory: new FixedInventory(units) });
  for (const host of [new ScsiHost(server), new ScsiHost(server)]) {
    for (const lun of [0, 1]) {
      t.is(senseName(await host.send(cdbOf(Read10, { blocks: 1 }), undefined, { lun })), "06/29/00");
      t.is(senseName(await host.send(cdbOf(Read10, { blocks: 1 }), undefined, { lun })), "GOOD");
    }
  }
});

test("INQUIRY and REPORT LUNS are carried out and leave the attention pending", async (t) => {
  const { server } = await rig();
  const host = new ScsiHost(server);
  t.is(senseName(await host.send(cdbOf(Inquiry, { allocationBytes: 36 }))), "GOOD");
  t.is(senseName(await host.send(cdbOf(ReportLuns, { allocationBytes: 64 }))), "GOOD");
  t.is(senseName(await host.send(TUR)), "06/29/00");
});

test("REQUEST SENSE returns the attention as data, and it is over", async (t) => {
  const { server } = await rig();
  const host = new ScsiHost(server);
  const result = await host.send(cdbOf(RequestSense, { allocationBytes: 18 }));
  t.is(senseName(result), "GOOD");
  t.like(FixedSense.decode(result.dataIn ?? Buffer.alloc(18)), { senseKey: 6, asc: 0x29, ascq: 0 });
  t.is(senseName(await host.send(TUR)), "GOOD");
});

test("an attention is reported before an unknown operation code is", async (t) => {
  const { server } = await rig();
  const host = new ScsiHost(server);
  t.is(senseName(await host.send(Buffer.alloc(16, 0xff))), "06/29/00");
  t.is(senseName(await host.send(Buffer.alloc(16, 0xff))), "INVALID_COMMAND_OPERATION_CODE");
});

test("a change of the inventory is told on every unit, and REPORT LUNS ends that on all", async (t) => {
  const units = new Map([0, 1].map((lun) => [lun, new LogicalUnit(new ScriptedDevice(), IDENTITY)]));
  const server = new BlockDeviceServer({ inventory: new FixedInventory(units) });
  const host = new ScsiHost(server);
  const bystander = new ScsiHost(server);
  for (const each of [host, bystander]) for (const lun of [0, 1]) await each.attentions(lun);
  await server.inventoryChanged(host.nexus);
  t.is(senseName(await host.send(TUR, undefined, { lun: 1 })), "06/3f/0e");
  t.is(senseName(await host.send(cdbOf(ReportLuns, { allocationBytes: 64 }), undefined, { lun: 1 })), "GOOD");
  t.deepEqual(await host.attentions(0), []);
  t.deepEqual(await bystander.attentions(0), []);
});

test("a new session of the same host is a new nexus, with nothing left from the old one", async (t) => {
  const { server, host, device } = await rig();
  device.resize(4096);
  await server.nexusEnds(host.nexus);
  const again = new ScsiHost(server, host.nexus.initiatorName);
  t.deepEqual(await again.attentions(), ["06/29/00"]);
});

test("several changes queue up, and each is reported", async (t) => {
  const { server, device, host } = await rig();
  const other = await anotherHost(server);
  device.resize(4096);
  await server.inventoryChanged(host.nexus);
  await server.logicalUnitReset(other.nexus, 0);
  t.deepEqual(await host.attentions(), ["06/29/03", "06/2a/09", "06/3f/0e"]);
  t.deepEqual(await other.attentions(), ["06/29/03", "06/2a/09"]);
  t.is(senseName(await host.send(cdbOf(ReadCapacity10))), "GOOD");
});
