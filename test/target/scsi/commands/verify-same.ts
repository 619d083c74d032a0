import test from "ava";
import {
  Verify10,
  Verify12,
  Verify16,
  WriteAndVerify10,
  WriteAndVerify12,
  WriteAndVerify16,
  WriteSame10,
  WriteSame16,
} from "node-iscsi-target/scsi/cdb.ts";
import { BlockDeviceServer } from "node-iscsi-target/scsi/device-server.ts";
import { MAX_WRITE_SAME_BLOCKS } from "node-iscsi-target/scsi/limits.ts";
import { LogicalUnit } from "node-iscsi-target/scsi/logical-unit.ts";
import { FixedSense } from "node-iscsi-target/scsi/sense.ts";
import { FixedInventory } from "node-iscsi-target/scsi/server-context.ts";
import { MemoryDevice } from "node-iscsi-target/storage/memory-device.ts";
import { anotherHost, cdbOf, IDENTITY, rig, senseName } from "../../../helpers/scsi-host.ts";

for (const verify of [Verify10, Verify12, Verify16]) {
  test(`${verify.name} with BYTCHK 01b finds the block that differs`, async (t) => {
    const { host, device } = await rig();
    device.bytes.fill("v");
    const same = Buffer.alloc(4 * 512, "v");
    t.is(senseName(await host.send(cdbOf(verify, { lba: 10, blocks: 4, byteCheck: 1 }), same)), "GOOD");
    const other = Buffer.from(same);
    other[2 * 512 + 5] = 0;
    const result = await host.send(cdbOf(verify, { lba: 10, blocks: 4, byteCheck: 1 }), other);
    t.is(senseName(result), "MISCOMPARE_DURING_VERIFY");
    t.like(FixedSense.decode(result.sense ?? Buffer.alloc(18)), { senseKey: 0xe, valid: 1, information: 12 });
    t.deepEqual(device.bytes.subarray(10 * 512, 14 * 512), same);
  });

  test(`${verify.name} with BYTCHK 01b compares each block with its own, however long the range`, async (t) => {
    const { host, device } = await rig({ blocks: 10_000 });
    for (let block = 0; block < 5000; block++) device.bytes.writeUInt32BE(block, block * 512);
    const data = Buffer.from(device.bytes.subarray(0, 5000 * 512));
    t.is(senseName(await host.send(cdbOf(verify, { blocks: 5000, byteCheck: 1 }), data)), "GOOD");
    data[4999 * 512 + 511] = 1;
    const result = await host.send(cdbOf(verify, { blocks: 5000, byteCheck: 1 }), data);
    t.is(FixedSense.information.get(result.sense ?? Buffer.alloc(18), 0), 4999);
  });

  test(`${verify.name} with BYTCHK 00b takes no data, and finds a medium that cannot be read`, async (t) => {
    const { host, device, server } = await rig({ blocks: 10_000 });
    const task = host.task(cdbOf(verify, { lba: 0, blocks: 6000 }));
    t.like(server.admit(task), { kind: "accepted", dataOutBytes: 0 });
    t.is(senseName(await server.execute(task, [])), "GOOD");
    device.script = ({ offset }) => (offset > 0 ? { kind: "medium-error", offset: 5000 * 512 } : undefined);
    const failed = await host.send(cdbOf(verify, { lba: 0, blocks: 6000 }));
    t.is(senseName(failed), "UNRECOVERED_READ_ERROR");
    t.is(FixedSense.information.get(failed.sense ?? Buffer.alloc(18), 0), 5000);
  });

  test(`${verify.name} with BYTCHK 11b compares every block with one`, async (t) => {
    const { host, device, server } = await rig({ blocks: 10_000 });
    device.bytes.fill("w");
    const block = Buffer.alloc(512, "w");
    const task = host.task(cdbOf(verify, { lba: 0, blocks: 5000, byteCheck: 3 }));
    t.like(server.admit(task), { dataOutBytes: 512 });
    t.is(senseName(await server.execute(task, [block])), "GOOD");
    device.bytes[4321 * 512] = 0;
    const result = await host.send(cdbOf(verify, { lba: 0, blocks: 5000, byteCheck: 3 }), block);
    t.is(FixedSense.information.get(result.sense ?? Buffer.alloc(18), 0), 4321);
  });

  test(`${verify.name} refuses BYTCHK 10b and a range past the end`, async (t) => {
    const { host } = await rig({ blocks: 100 });
    t.is(senseName(await host.send(cdbOf(verify, { blocks: 1, byteCheck: 2 }))), "INVALID_FIELD_IN_CDB");
    t.is(senseName(await host.send(cdbOf(verify, { lba: 99, blocks: 2 }))), "LBA_OUT_OF_RANGE");
  });
}

for (const layout of [WriteAndVerify10, WriteAndVerify12, WriteAndVerify16]) {
  test(`${layout.name} brings the data to the medium before it reads it back`, async (t) => {
    const { host, device } = await rig();
    const data = Buffer.alloc(1024, "x");
    t.is(senseName(await host.send(cdbOf(layout, { lba: 3, blocks: 2, byteCheck: 1 }), data)), "GOOD");
    t.deepEqual(device.bytes.subarray(3 * 512, 5 * 512), data);
    t.like(device.ios, [{ kind: "write", fua: true }, { kind: "read" }]);
    t.is(senseName(await host.send(cdbOf(layout, { blocks: 1, byteCheck: 3 }), data)), "INVALID_FIELD_IN_CDB");
  });

  test(`${layout.name} for which the host sends fewer blocks writes and verifies those`, async (t) => {
    const { host, device } = await rig();
    device.bytes.fill("a");
    const result = await host.send(cdbOf(layout, { blocks: 2, byteCheck: 1 }), Buffer.alloc(512, "b"));
    t.is(senseName(result), "GOOD");
    t.is(result.dataOutBytes, 1024);
    t.is(device.bytes.toString("latin1", 511, 513), "ba");
    t.is(
      senseName(await host.send(cdbOf(layout, { blocks: 1 }), Buffer.alloc(200))),
      "INVALID_FIELD_IN_COMMAND_INFORMATION_UNIT",
    );
  });

  test(`${layout.name} tells when the medium kept something else`, async (t) => {
    const { host, device } = await rig();
    device.script = ({ kind }) => {
      if (kind === "read") device.bytes[512] = 0xff;
      return undefined;
    };
    const result = await host.send(cdbOf(layout, { blocks: 2, byteCheck: 1 }), Buffer.alloc(1024, "x"));
    t.is(senseName(result), "MISCOMPARE_DURING_VERIFY");
  });
}

for (const layout of [WriteSame10, WriteSame16]) {
  test(`${layout.name} writes its block over the range, and nothing beside it`, async (t) => {
    const { host, device } = await rig({ blocks: 10_000 });
    const block = Buffer.alloc(512, "pattern ");
    t.is(senseName(await host.send(cdbOf(layout, { lba: 1, blocks: 5000 }), block)), "GOOD");
    t.deepEqual(device.bytes.subarray(0, 512), Buffer.alloc(512));
    for (const lba of [1, 2048, 2049, 5000]) t.deepEqual(device.bytes.subarray(lba * 512, lba * 512 + 512), block);
    t.deepEqual(device.bytes.subarray(5001 * 512, 5002 * 512), Buffer.alloc(512));
  });

  test(`${layout.name} of zeros writes zeroes, and with UNMAP deallocates`, async (t) => {
    const { host, device } = await rig();
    device.bytes.fill(1);
    await host.send(cdbOf(layout, { lba: 0, blocks: 8 }), Buffer.alloc(512));
    await host.send(cdbOf(layout, { lba: 8, blocks: 8, unmap: 1 }), Buffer.alloc(512));
    await host.send(cdbOf(layout, { lba: 16, blocks: 8, unmap: 1 }), Buffer.alloc(512, 7));
    t.deepEqual(
      device.ios.map(({ kind, offset }) => [kind, offset / 512]),
      [
        ["writeZeroes", 0],
        ["unmap", 8],
        ["write", 16],
      ],
    );
    t.is(
      device.bytes.subarray(0, 16 * 512).findIndex((byte) => byte !== 0),
      -1,
    );
    t.is(device.bytes[16 * 512], 7);
  });

  test(`${layout.name} refuses what VPD page B0h excludes, and old or unknown options`, async (t) => {
    const { host } = await rig({ blocks: 100 });
    const send = (fields: Record<string, number>) => host.send(cdbOf(layout, fields), Buffer.alloc(512));
    t.is(senseName(await send({ blocks: 0 })), "INVALID_FIELD_IN_CDB", "WSNZ");
    t.is(senseName(await send({ blocks: 1, anchor: 1, unmap: 1 })), "INVALID_FIELD_IN_CDB");
    t.is(senseName(await send({ blocks: 1, relative: 1 })), "INVALID_FIELD_IN_CDB");
    t.is(senseName(await send({ blocks: 1, protect: 1 })), "INVALID_FIELD_IN_CDB");
    t.is(senseName(await send({ lba: 99, blocks: 2 })), "LBA_OUT_OF_RANGE");
    t.is(
      senseName(await host.send(cdbOf(layout, { blocks: 1 }), Buffer.alloc(100))),
      "INVALID_FIELD_IN_COMMAND_INFORMATION_UNIT",
    );
  });

  test(`${layout.name} with UNMAP is refused by a unit without thin provisioning`, async (t) => {
    const { host } = await rig({ thin: false });
    const result = await host.send(cdbOf(layout, { blocks: 1, unmap: 1 }), Buffer.alloc(512));
    t.is(senseName(result), "INVALID_FIELD_IN_CDB");
  });
}

test("WRITE SAME of no blocks goes to the end of the medium, but no further than its limit", async (t) => {
  const { host, device } = await rig({ blocks: 100, thin: false });
  t.is(senseName(await host.send(cdbOf(WriteSame16, { lba: 40, blocks: 0 }), Buffer.alloc(512, 7))), "GOOD");
  t.deepEqual([device.bytes.indexOf(7), device.bytes.lastIndexOf(7)], [40 * 512, 100 * 512 - 1]);
  t.is(senseName(await host.send(cdbOf(WriteSame10, { lba: 101, blocks: 0 }), Buffer.alloc(512))), "LBA_OUT_OF_RANGE");
  const large = new MemoryDevice({ sizeBytes: (MAX_WRITE_SAME_BLOCKS + 1) * 512, thin: false });
  const server = new BlockDeviceServer({
    inventory: new FixedInventory(new Map([[0, new LogicalUnit(large, IDENTITY)]])),
  });
  const other = await anotherHost(server);
  t.is(senseName(await other.send(cdbOf(WriteSame16, { lba: 0 }), Buffer.alloc(512))), "INVALID_FIELD_IN_CDB");
  t.is(senseName(await other.send(cdbOf(WriteSame16, { lba: 1 }), Buffer.alloc(512))), "GOOD");
});

test("WRITE SAME(16) with NDOB takes no data and leaves zeros", async (t) => {
  const { host, device, server } = await rig();
  device.bytes.fill(1);
  const task = host.task(cdbOf(WriteSame16, { lba: 2, blocks: 2, noDataOut: 1 }), { expectedOutBytes: 0 });
  t.like(server.admit(task), { dataOutBytes: 0 });
  t.is(senseName(await server.execute(task, [])), "GOOD");
  t.deepEqual([...device.bytes].filter((byte) => byte === 0).length, 1024);
});

test("WRITE SAME(16) above MAXIMUM WRITE SAME LENGTH is refused", async (t) => {
  const { host } = await rig();
  const result = await host.send(cdbOf(WriteSame16, { blocks: MAX_WRITE_SAME_BLOCKS + 1 }), Buffer.alloc(512));
  t.is(senseName(result), "INVALID_FIELD_IN_CDB");
});
