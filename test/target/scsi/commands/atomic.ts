/** Commands that no other may come between. */
import test from "ava";
import { CompareAndWrite, OrWrite16, Read10, Unmap, Write10, WriteAtomic16 } from "node-iscsi-target/scsi/cdb.ts";
import { BlockDeviceServer } from "node-iscsi-target/scsi/device-server.ts";
import { LogicalUnit } from "node-iscsi-target/scsi/logical-unit.ts";
import { DescriptorSense, FixedSense, InformationDescriptor } from "node-iscsi-target/scsi/sense.ts";
import { FixedInventory } from "node-iscsi-target/scsi/server-context.ts";
import { TaskAttribute } from "node-iscsi-target/scsi/transport.ts";
import { ScriptedDevice } from "../../../helpers/scripted-device.ts";
import { anotherHost, cdbOf, IDENTITY, rig, type ScsiHost, senseName } from "../../../helpers/scsi-host.ts";

const block = (fill: number) => Buffer.alloc(512, fill);
const swap = (lba: number, from: number, to: number) =>
  [cdbOf(CompareAndWrite, { lba, blocks: 1 }), Buffer.concat([block(from), block(to)])] as const;

async function firstByte(host: ScsiHost, lba: number): Promise<number | undefined> {
  return (await host.send(cdbOf(Read10, { lba, blocks: 1 }))).dataIn?.[0];
}

test("COMPARE AND WRITE writes what another host then reads, where the comparison holds", async (t) => {
  const { host, server } = await rig();
  const other = await anotherHost(server);
  t.is(senseName(await host.send(...swap(5, 0, 1))), "GOOD");
  t.is(await firstByte(other, 5), 1);
  t.is(senseName(await other.send(...swap(5, 0, 2))), "MISCOMPARE_DURING_VERIFY");
  t.is(await firstByte(host, 5), 1);
});

test("a miscompare tells the first byte that differs, in both sense formats", async (t) => {
  const { host, unit } = await rig();
  const data = Buffer.alloc(4 * 512);
  data[700] = 1;
  const fixed = await host.send(cdbOf(CompareAndWrite, { lba: 0, blocks: 2 }), data);
  t.like(FixedSense.decode(fixed.sense as Uint8Array), { valid: 1, information: 700 });
  unit.mode.descriptorSense = true;
  const { sense } = await host.send(cdbOf(CompareAndWrite, { lba: 0, blocks: 2 }), data);
  t.is(InformationDescriptor.information.get(sense as Uint8Array, DescriptorSense.sizeBytes), 700);
});

test("COMPARE AND WRITE refuses what it cannot do", async (t) => {
  const { host } = await rig({ blocks: 100 });
  const cdb = (fields: Record<string, number>) => cdbOf(CompareAndWrite, fields);
  t.is(senseName(await host.send(cdb({ lba: 100, blocks: 1 }), block(0))), "LBA_OUT_OF_RANGE");
  t.is(senseName(await host.send(cdb({ protect: 1, blocks: 1 }), block(0))), "INVALID_FIELD_IN_CDB");
  t.is(senseName(await host.send(cdb({ blocks: 0 }))), "GOOD");
  t.is(senseName(await host.send(cdb({ blocks: 0 }), block(0))), "INVALID_FIELD_IN_CDB", "data for no blocks");
  t.is(senseName(await host.send(cdb({ blocks: 129 }), block(0))), "INVALID_FIELD_IN_CDB");
  const tooMuch = await host.send(cdb({ blocks: 1 }), Buffer.alloc(4 * 512));
  t.is(senseName(tooMuch), "INVALID_FIELD_IN_COMMAND_INFORMATION_UNIT");
  t.is(senseName(await host.send(cdb({ blocks: 1 }), block(0))), "INVALID_FIELD_IN_COMMAND_INFORMATION_UNIT");
});

test("of many hosts that race for one block by COMPARE AND WRITE, one wins", async (t) => {
  const { host, server, device } = await rig();
  device.holding = true;
  const racers = [host];
  for (let count = 1; count < 8; count++) racers.push(await anotherHost(server));
  const sent = racers.map((racer, index) => racer.start(...swap(3, 0, index + 1)).answer);
  device.release();
  const names = (await Promise.all(sent)).map(senseName);
  t.is(names.filter((name) => name === "GOOD").length, 1);
  t.is(names.filter((name) => name === "MISCOMPARE_DURING_VERIFY").length, 7);
  t.is(device.bytes[3 * 512], names.indexOf("GOOD") + 1);
});

test("an atomic command waits for commands that run on its blocks, and those that come later wait for it", async (t) => {
  const { host, device } = await rig();
  device.holding = true;
  const ahead = host.start(cdbOf(Write10, { lba: 2, blocks: 2 }), Buffer.alloc(1024, 9));
  const atomic = host.start(...swap(3, 9, 5));
  const behind = host.start(cdbOf(Read10, { lba: 3, blocks: 1 }));
  const beside = host.start(cdbOf(Read10, { lba: 8, blocks: 1 }));
  t.deepEqual(
    device.ios.map(({ kind, offset }) => [kind, offset / 512]),
    [
      ["write", 2],
      ["read", 8],
    ],
  );
  device.release();
  t.is(senseName(await ahead.answer), "GOOD");
  t.is(senseName(await atomic.answer), "GOOD");
  const read = await behind.answer;
  t.is(read.kind === "done" && read.dataIn?.[0], 5);
  t.is(senseName(await beside.answer), "GOOD");
});

test("UNMAP, whose blocks are known with its data, waits for an atomic command anywhere", async (t) => {
  const { host, device } = await rig();
  device.holding = true;
  const atomic = host.start(...swap(3, 0, 5));
  const unmap = host.start(
    cdbOf(Unmap, { listBytes: 24 }),
    Buffer.from(`${"00160010000000000000000000000003"}0000000100000000`, "hex"),
  );
  t.is(device.ios.length, 1);
  device.release();
  t.deepEqual([senseName(await atomic.answer), senseName(await unmap.answer)], ["GOOD", "GOOD"]);
  t.deepEqual(
    device.ios.map(({ kind }) => kind),
    ["read", "write", "unmap"],
  );
});

test("an atomic command that waits can be aborted, and what waited for it goes on", async (t) => {
  const { host, server, device } = await rig();
  device.holding = true;
  const ahead = host.start(cdbOf(Read10, { lba: 3, blocks: 1 }));
  const atomic = host.start(...swap(3, 0, 5));
  const behind = host.start(cdbOf(Read10, { lba: 3, blocks: 1 }));
  await server.abortTask(atomic.task);
  t.is((await atomic.answer).kind, "aborted");
  t.is(device.ios.length, 2);
  device.release();
  t.deepEqual([senseName(await ahead.answer), senseName(await behind.answer)], ["GOOD", "GOOD"]);
  t.is(device.bytes[3 * 512], 0);
});

test("a HEAD OF QUEUE command passes atomic commands that wait, and nothing waits for ever", async (t) => {
  const { host, device } = await rig();
  device.holding = true;
  const first = host.start(cdbOf(Read10, { lba: 3, blocks: 1 }));
  const ordered = host.start(cdbOf(Read10, { lba: 0, blocks: 1 }), undefined, { attribute: TaskAttribute.ORDERED });
  const atomic = host.start(...swap(3, 0, 5));
  const head = host.start(cdbOf(Read10, { lba: 3, blocks: 1 }), undefined, { attribute: TaskAttribute.HEAD_OF_QUEUE });
  device.release();
  const answers = await Promise.all([first, ordered, atomic, head].map(({ answer }) => answer));
  t.deepEqual(answers.map(senseName), ["GOOD", "GOOD", "GOOD", "GOOD"]);
});

test("ORWRITE sets bits and leaves the others", async (t) => {
  const { host } = await rig();
  await host.send(cdbOf(Write10, { lba: 7, blocks: 1 }), block(0xa0));
  t.is(senseName(await host.send(cdbOf(OrWrite16, { lba: 7, blocks: 1 }), block(0x0f))), "GOOD");
  t.is(await firstByte(host, 7), 0xaf);
  t.is(senseName(await host.send(cdbOf(OrWrite16, { lba: 7, blocks: 0 }))), "GOOD");
  t.is(senseName(await host.send(cdbOf(OrWrite16, { lba: 2048, blocks: 1 }), block(1))), "LBA_OUT_OF_RANGE");
});

test("WRITE ATOMIC writes up to the length that the device can do in one, and no more", async (t) => {
  const { host, device } = await rig();
  t.is(senseName(await host.send(cdbOf(WriteAtomic16, { lba: 1, blocks: 128 }), Buffer.alloc(65_536, 3))), "GOOD");
  t.is(await firstByte(host, 128), 3);
  t.is(device.ios.filter(({ kind }) => kind === "write").length, 1);
  t.is(senseName(await host.send(cdbOf(WriteAtomic16, { blocks: 129 }), Buffer.alloc(66_048))), "INVALID_FIELD_IN_CDB");
  t.is(senseName(await host.send(cdbOf(WriteAtomic16, { blocks: 1, boundary: 1 }), block(1))), "INVALID_FIELD_IN_CDB");
});

test("a unit that other servers serve as well offers nothing that it could not keep atomic", async (t) => {
  const unit = new LogicalUnit(new ScriptedDevice(), IDENTITY, { servedElsewhere: true });
  const server = new BlockDeviceServer({ inventory: new FixedInventory(new Map([[0, unit]])) });
  const host = await anotherHost(server);
  for (const layout of [CompareAndWrite, OrWrite16, WriteAtomic16]) {
    t.is(senseName(await host.send(cdbOf(layout, { blocks: 1 }))), "INVALID_COMMAND_OPERATION_CODE");
  }
});
