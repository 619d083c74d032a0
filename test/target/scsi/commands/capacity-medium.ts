import test from "ava";
import {
  Clear,
  Inquiry,
  PreemptAndAbort,
  Prefetch10,
  Prefetch16,
  PreventAllowMediumRemoval,
  Read10,
  ReadCapacity10,
  ReadCapacity16,
  Register,
  RequestSense,
  StartStopUnit,
  SynchronizeCache10,
  SynchronizeCache16,
  TestUnitReady,
  Write10,
} from "node-iscsi-target/scsi/cdb.ts";
import { BlockDeviceServer } from "node-iscsi-target/scsi/device-server.ts";
import { LogicalUnit } from "node-iscsi-target/scsi/logical-unit.ts";
import { Capacity16Data } from "node-iscsi-target/scsi/parameter-data.ts";
import { FixedSense } from "node-iscsi-target/scsi/sense.ts";
import { FixedInventory } from "node-iscsi-target/scsi/server-context.ts";
import { Status } from "node-iscsi-target/scsi/transport.ts";
import { MemoryDevice } from "node-iscsi-target/storage/memory-device.ts";
import { reserveOut } from "../../../helpers/reservations.ts";
import { anotherHost, cdbOf, IDENTITY, rig, senseName } from "../../../helpers/scsi-host.ts";

test("READ CAPACITY tells the last block and the block length", async (t) => {
  const { host } = await rig({ blocks: 1000, blockBytes: 4096 });
  const ten = Buffer.from((await host.send(cdbOf(ReadCapacity10))).dataIn ?? []);
  t.deepEqual([ten.length, ten.readUInt32BE(0), ten.readUInt32BE(4)], [8, 999, 4096]);
  const sixteen = Buffer.from((await host.send(cdbOf(ReadCapacity16, { allocationBytes: 32 }))).dataIn ?? []);
  t.deepEqual(Capacity16Data.decode(sixteen), {
    lastLba: 999,
    blockBytes: 4096,
    physicalExponent: 0,
    provisioningManaged: 1,
    readsZeros: 1,
  });
  t.is((await host.send(cdbOf(ReadCapacity16, { allocationBytes: 12 }))).dataIn?.length, 12);
  const device = new MemoryDevice({ sizeBytes: 1024 * 1024, physicalBlockBytes: 4096 });
  const inventory = new FixedInventory(new Map([[0, new LogicalUnit(device, IDENTITY)]]));
  const other = await anotherHost(new BlockDeviceServer({ inventory }));
  const small = await other.send(cdbOf(ReadCapacity16, { allocationBytes: 32 }));
  t.is(
    Capacity16Data.physicalExponent.get(small.dataIn ?? Buffer.alloc(32), 0),
    3,
    "eight blocks of 512 bytes in one of 4096",
  );
});

test("READ CAPACITY (10) of more than 2^32 blocks sends the host to READ CAPACITY (16)", async (t) => {
  const { host, device } = await rig();
  Object.defineProperty(device, "sizeBytes", { value: 2 ** 41 + 512 });
  const ten = Buffer.from((await host.send(cdbOf(ReadCapacity10))).dataIn ?? []);
  t.is(ten.readUInt32BE(0), 0xffff_ffff);
  const sixteen = Buffer.from((await host.send(cdbOf(ReadCapacity16, { allocationBytes: 32 }))).dataIn ?? []);
  t.is(Capacity16Data.lastLba.get(sixteen, 0), 2 ** 32);
});

test("READ CAPACITY (10) refuses an address without PMI", async (t) => {
  const { host } = await rig();
  t.is(senseName(await host.send(cdbOf(ReadCapacity10, { lba: 1 }))), "INVALID_FIELD_IN_CDB");
  t.is(senseName(await host.send(cdbOf(ReadCapacity10, { lba: 1, partialMedium: 1 }))), "GOOD");
});

test("after a resize every host is told once, and reads the new capacity", async (t) => {
  const { host, device, server } = await rig({ blocks: 100 });
  const other = await anotherHost(server);
  device.resize(300);
  for (const each of [host, other]) {
    t.is(senseName(await each.send(cdbOf(Read10, { blocks: 1 }))), "06/2a/09");
    const data = Buffer.from((await each.send(cdbOf(ReadCapacity10))).dataIn ?? []);
    t.is(data.readUInt32BE(0), 299);
  }
  t.is(senseName(await host.send(cdbOf(Write10, { lba: 299, blocks: 1 }), Buffer.alloc(512))), "GOOD");
});

test("START STOP UNIT with START = 0 brings the data to the medium, and leaves the unit to the other hosts", async (t) => {
  const { host, device } = await rig();
  t.is(senseName(await host.send(cdbOf(StartStopUnit, { start: 0 }))), "GOOD");
  t.deepEqual(
    device.ios.map(({ kind }) => kind),
    ["flush"],
  );
  t.is(senseName(await host.send(cdbOf(TestUnitReady))), "GOOD");
  device.script = () => ({ kind: "medium-error", offset: 0 });
  t.is(senseName(await host.send(cdbOf(StartStopUnit, { start: 0 }))), "WRITE_ERROR");
  t.is(senseName(await host.send(cdbOf(StartStopUnit, { start: 0, noFlush: 1 }))), "GOOD");
});

test("a unit without its medium serves none, says so, and tells the other hosts when it is back", async (t) => {
  const { host, server } = await rig({ removable: true });
  const other = await anotherHost(server);
  t.is(senseName(await host.send(cdbOf(StartStopUnit, { loadEject: 1 }))), "GOOD");
  for (const cdb of [
    cdbOf(TestUnitReady),
    cdbOf(Read10, { lba: 0xffff_ffff, blocks: 1 }),
    cdbOf(ReadCapacity10),
    cdbOf(SynchronizeCache10),
  ]) {
    t.is(senseName(await host.send(cdb)), "MEDIUM_NOT_PRESENT");
  }
  t.is(senseName(await host.send(cdbOf(Inquiry, { allocationBytes: 36 }))), "GOOD");
  const sense = await host.send(cdbOf(RequestSense, { allocationBytes: 18 }));
  t.like(FixedSense.decode(sense.dataIn ?? Buffer.alloc(18)), { senseKey: 2, asc: 0x3a, ascq: 0 });
  t.is(senseName(await host.send(cdbOf(StartStopUnit, { loadEject: 1, start: 1 }))), "GOOD");
  t.is(senseName(await host.send(cdbOf(TestUnitReady))), "GOOD");
  t.is(senseName(await other.send(cdbOf(TestUnitReady))), "06/28/00");
});

test("only a removable unit ejects, unless some host prevents it", async (t) => {
  const fixed = await rig();
  t.is(senseName(await fixed.host.send(cdbOf(StartStopUnit, { loadEject: 1 }))), "INVALID_FIELD_IN_CDB");
  const { host, server } = await rig({ removable: true });
  const other = await anotherHost(server);
  t.is(senseName(await other.send(cdbOf(PreventAllowMediumRemoval, { prevent: 1 }))), "GOOD");
  t.is(senseName(await host.send(cdbOf(StartStopUnit, { loadEject: 1 }))), "MEDIUM_REMOVAL_PREVENTED");
  await server.nexusEnds(other.nexus);
  t.is(senseName(await host.send(cdbOf(StartStopUnit, { loadEject: 1 }))), "GOOD");
  t.is(senseName(await host.send(cdbOf(TestUnitReady))), "MEDIUM_NOT_PRESENT");
  t.is(senseName(await host.send(cdbOf(StartStopUnit, { loadEject: 1, start: 1 }))), "GOOD");
  t.is(senseName(await host.send(cdbOf(TestUnitReady))), "GOOD");
});

for (const [name, layout] of [
  ["PREEMPT AND ABORT", PreemptAndAbort],
  ["CLEAR", Clear],
] as const) {
  test(`a host that ${name} puts out prevents the removal of the medium no longer`, async (t) => {
    const { host, server } = await rig({ removable: true });
    const other = await anotherHost(server);
    await reserveOut(host, Register, { newKey: 1n });
    await reserveOut(other, Register, { newKey: 2n });
    await other.send(cdbOf(PreventAllowMediumRemoval, { prevent: 1 }));
    const eject = async () => senseName(await host.send(cdbOf(StartStopUnit, { loadEject: 1 })));
    t.is(await eject(), "MEDIUM_REMOVAL_PREVENTED");
    t.is(await reserveOut(host, layout, { key: 1n, newKey: 2n, type: 1 }), "GOOD");
    t.is(await eject(), "GOOD");
  });
}

test("with a power condition LOEJ says nothing, and obsolete prevention is refused", async (t) => {
  const { host } = await rig({ removable: true });
  const fixed = await rig();
  for (const each of [host, fixed.host]) {
    t.is(senseName(await each.send(cdbOf(StartStopUnit, { powerCondition: 2, loadEject: 1 }))), "GOOD");
    t.is(senseName(await each.send(cdbOf(TestUnitReady))), "GOOD");
  }
  t.is(senseName(await host.send(cdbOf(PreventAllowMediumRemoval, { prevent: 2 }))), "INVALID_FIELD_IN_CDB");
});

for (const layout of [SynchronizeCache10, SynchronizeCache16]) {
  test(`${layout.name} with IMMED answers before the flush has ended`, async (t) => {
    const { host, device, unit } = await rig();
    device.holding = true;
    t.is(senseName(await host.send(cdbOf(layout, { immediate: 1 }))), "GOOD");
    t.is(device.heldCount, 1);
    let gone = false;
    const retired = unit.retire().then(() => {
      gone = true;
    });
    await new Promise(setImmediate);
    t.false(gone, "a unit is not retired while its device still works for it");
    device.release();
    await retired;
  });

  test(`${layout.name} checks its range`, async (t) => {
    const { host, device } = await rig({ blocks: 100 });
    t.is(senseName(await host.send(cdbOf(layout, { lba: 99, blocks: 2 }))), "LBA_OUT_OF_RANGE");
    t.is(senseName(await host.send(cdbOf(layout, { lba: 101 }))), "LBA_OUT_OF_RANGE");
    t.is(senseName(await host.send(cdbOf(layout, { lba: 50 }))), "GOOD");
    t.is(device.ios.length, 1);
  });
}

for (const layout of [Prefetch10, Prefetch16]) {
  test(`${layout.name} reads its range and answers CONDITION MET`, async (t) => {
    const { host, device } = await rig({ blocks: 5000 });
    const result = await host.send(cdbOf(layout, { lba: 10, blocks: 3000 }));
    t.is(result.status, Status.CONDITION_MET);
    t.is(
      device.ios.reduce((bytes, io) => bytes + io.length, 0),
      3000 * 512,
    );
    t.is((await host.send(cdbOf(layout, { lba: 10, blocks: 0, immediate: 1 }))).status, Status.CONDITION_MET);
    t.is(senseName(await host.send(cdbOf(layout, { lba: 4999, blocks: 2 }))), "LBA_OUT_OF_RANGE");
  });
}
