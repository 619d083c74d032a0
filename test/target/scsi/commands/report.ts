import test from "ava";
import {
  ReportSupportedOperationCodes as Codes,
  ReportSupportedTaskManagementFunctions as Functions,
  ReportLuns,
  ReportTargetPortGroups,
} from "node-iscsi-target/scsi/cdb.ts";
import { commandTable } from "node-iscsi-target/scsi/commands/table.ts";
import { BlockDeviceServer } from "node-iscsi-target/scsi/device-server.ts";
import { LogicalUnit } from "node-iscsi-target/scsi/logical-unit.ts";
import { OperationDescriptor, PortGroupDescriptor } from "node-iscsi-target/scsi/parameter-data.ts";
import { FixedInventory } from "node-iscsi-target/scsi/server-context.ts";
import type { ScsiResult } from "node-iscsi-target/scsi/transport.ts";
import { ScriptedDevice } from "../../../helpers/scripted-device.ts";
import { cdbOf, IDENTITY, PORT, rig, ScsiHost, senseName } from "../../../helpers/scsi-host.ts";

const ROOM = { allocationBytes: 65_536 };

async function listed(host: ScsiHost, timeouts = 0) {
  const data = Buffer.from((await host.send(cdbOf(Codes, { ...ROOM, timeouts }))).dataIn ?? []);
  const rows = [];
  const step = OperationDescriptor.sizeBytes + (timeouts ? 12 : 0);
  for (let at = 4; at < data.length; at += step) rows.push(OperationDescriptor.decode(data, at));
  return { told: data.readUInt32BE(0), bytes: data.length - 4, rows };
}

test("REPORT SUPPORTED OPERATION CODES lists exactly the commands that are not refused as unknown", async (t) => {
  for (const thin of [true, false]) {
    const { host } = await rig({ thin });
    const { told, bytes, rows } = await listed(host);
    t.is(told, bytes);
    const known = new Set(rows.map(({ opcode, serviceAction }) => (opcode << 8) | serviceAction));
    for (let opcode = 0; opcode < 256; opcode++) {
      const divided = commandTable.some(({ cdb }) => cdb.opcode === opcode && cdb.serviceAction !== undefined);
      const actions = divided ? 32 : 1;
      for (let action = 0; action < actions; action++) {
        const result = await host.send(Buffer.from([opcode, action, ...Buffer.alloc(14)]));
        t.is(
          refusedAsUnknown(result, divided),
          !known.has((opcode << 8) | action),
          `operation code ${opcode.toString(16)}, service action ${action}`,
        );
      }
    }
  }
});

/** By operation code, or where there are service actions, with a field pointer at it. */
function refusedAsUnknown(result: ScsiResult, divided: boolean): boolean {
  if (result.sense === undefined) return false;
  const field = Buffer.from(result.sense.subarray(15, 18)).toString("hex");
  return senseName(result) === "INVALID_COMMAND_OPERATION_CODE" || (divided && field === "cc0001");
}

test("each command tells its usage mask, and every bit that it tells is a bit that counts", async (t) => {
  const { host } = await rig();
  for (const { cdb } of commandTable) {
    const request = { requestedOpcode: cdb.opcode, requestedServiceAction: cdb.serviceAction ?? 0 };
    const reportingOptions = cdb.serviceAction === undefined ? 1 : 2;
    const result = await host.send(cdbOf(Codes, { ...request, reportingOptions, ...ROOM }));
    const data = Buffer.from(result.dataIn ?? []);
    t.is((data[1] ?? 0) & 7, 3, cdb.name);
    t.is(data.readUInt16BE(2), cdb.sizeBytes);
    t.is(data.length, 4 + cdb.sizeBytes);
    t.is(data[4], cdb.opcode);
    if (cdb.serviceAction !== undefined) t.is((data[5] ?? 0) & 0x1f, cdb.serviceAction);
  }
});

test("the usage mask of READ(16) is that of its fields", async (t) => {
  const { host } = await rig();
  const result = await host.send(cdbOf(Codes, { requestedOpcode: 0x88, reportingOptions: 1, ...ROOM }));
  t.is(Buffer.from(result.dataIn ?? []).toString("hex", 4), "88f8ffffffffffffffffffffffff0004");
});

test("what is not there is reported as not supported", async (t) => {
  const { host } = await rig({ thin: false });
  for (const fields of [
    { requestedOpcode: 0xc0, reportingOptions: 1 },
    { requestedOpcode: 0x42, reportingOptions: 1 },
    { requestedOpcode: 0x9e, requestedServiceAction: 0x1f, reportingOptions: 2 },
    { requestedOpcode: 0x28, requestedServiceAction: 1, reportingOptions: 3 },
  ]) {
    const { dataIn } = await host.send(cdbOf(Codes, { ...fields, ...ROOM }));
    t.is((dataIn?.[1] ?? 0) & 7, 1);
  }
});

test("a reporting option that does not fit the operation code is refused", async (t) => {
  const { host } = await rig();
  for (const fields of [
    { requestedOpcode: 0x9e, reportingOptions: 1 },
    { requestedOpcode: 0x28, reportingOptions: 2 },
    { reportingOptions: 4 },
  ]) {
    t.is(senseName(await host.send(cdbOf(Codes, { ...fields, ...ROOM }))), "INVALID_FIELD_IN_CDB");
  }
});

test("RCTD adds a timeouts descriptor to every command", async (t) => {
  const { host } = await rig();
  const { told, bytes, rows } = await listed(host, 1);
  t.is(told, bytes);
  t.is(rows.length, commandTable.length);
  t.true(rows.every(({ timeoutsPresent }) => timeoutsPresent === 1));
  const one = await host.send(cdbOf(Codes, { requestedOpcode: 0, reportingOptions: 1, timeouts: 1, ...ROOM }));
  const data = Buffer.from(one.dataIn ?? []);
  t.is(data.length, 4 + 6 + 12);
  t.is(data.readUInt16BE(10), 10);
});

test("REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS names those that are served", async (t) => {
  const { host } = await rig();
  t.deepEqual([...((await host.send(cdbOf(Functions, ROOM))).dataIn ?? [])], [0xda, 0, 0, 0]);
  const extended = (await host.send(cdbOf(Functions, { ...ROOM, extendedData: 1 }))).dataIn;
  t.deepEqual([...(extended ?? [])], [0xda, 0, 0, 12, ...Buffer.alloc(12)]);
});

test("REPORT TARGET PORT GROUPS reports the port that was asked as active/optimized", async (t) => {
  const { host } = await rig();
  const data = Buffer.from((await host.send(cdbOf(ReportTargetPortGroups, ROOM))).dataIn ?? []);
  t.is(data.readUInt32BE(0), data.length - 4);
  t.like(PortGroupDescriptor.decode(data, 4), { accessState: 0, portGroup: PORT.portGroup, portCount: 1 });
  t.is(data.readUInt16BE(14), PORT.relativePortId);
  const extended = Buffer.from((await host.send(cdbOf(ReportTargetPortGroups, { ...ROOM, format: 1 }))).dataIn ?? []);
  t.is(extended.readUInt32BE(0), extended.length - 4);
  t.is(extended[4], 0x10);
  t.deepEqual(extended.subarray(8), data.subarray(4));
  t.is(senseName(await host.send(cdbOf(ReportTargetPortGroups, { format: 2 }))), "INVALID_FIELD_IN_CDB");
});

test("REPORT TARGET PORT GROUPS lists every port of the target, by group", async (t) => {
  const unit = new LogicalUnit(new ScriptedDevice(), IDENTITY);
  const ports = [
    { ...PORT, relativePortId: 1, portGroup: 1 },
    { ...PORT, relativePortId: 2, portGroup: 2 },
    { ...PORT, relativePortId: 3, portGroup: 1 },
  ];
  const server = new BlockDeviceServer({
    inventory: new FixedInventory(new Map([[0, unit]])),
    targetPorts: () => ports,
  });
  const host = new ScsiHost(server);
  await host.attentions();
  const data = Buffer.from((await host.send(cdbOf(ReportTargetPortGroups, ROOM))).dataIn ?? []);
  t.is(data.length, 4 + 8 + 4 + 4 + 8 + 4);
  t.like(PortGroupDescriptor.decode(data, 4), { portGroup: 1, portCount: 2 });
  t.deepEqual([data.readUInt16BE(14), data.readUInt16BE(18)], [1, 3]);
  t.like(PortGroupDescriptor.decode(data, 20), { portGroup: 2, portCount: 1 });
});

test("REPORT LUNS lists what the inventory shows, in the address method that reaches", async (t) => {
  const unit = new LogicalUnit(new ScriptedDevice(), IDENTITY);
  const server = new BlockDeviceServer({
    inventory: new FixedInventory(new Map([300, 0, 7].map((lun) => [lun, unit]))),
  });
  const host = new ScsiHost(server);
  const data = Buffer.from((await host.send(cdbOf(ReportLuns, ROOM))).dataIn ?? []);
  t.is(data.readUInt32BE(0), 24);
  const wire = [8, 16, 24].map((at) => data.readBigUInt64BE(at));
  t.deepEqual(wire, [0n, 0x0007_0000_0000_0000n, 0x412c_0000_0000_0000n]);
  for (const wireLun of wire) await host.send(Buffer.alloc(6), undefined, { wireLun });
  const short = await host.send(cdbOf(ReportLuns, { allocationBytes: 16 }));
  t.is(short.dataIn?.length, 16);
  t.is(Buffer.from(short.dataIn ?? []).readUInt32BE(0), 24);
  const wellKnown = await host.send(cdbOf(ReportLuns, { ...ROOM, selectReport: 1 }));
  t.is(wellKnown.dataIn?.length, 8);
  await host.attentions();
  t.is(senseName(await host.send(cdbOf(ReportLuns, { ...ROOM, selectReport: 3 }))), "INVALID_FIELD_IN_CDB");
  t.is(senseName(await host.send(cdbOf(ReportLuns, { allocationBytes: 15 }))), "INVALID_FIELD_IN_CDB");
});
