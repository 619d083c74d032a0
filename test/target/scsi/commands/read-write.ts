import test from "ava";
import {
  type BlockCdb,
  Read6,
  Read10,
  Read12,
  Read16,
  SynchronizeCache10,
  Write6,
  Write10,
  Write12,
  Write16,
} from "node-iscsi-target/scsi/cdb.ts";
import { MAX_TRANSFER_BYTES } from "node-iscsi-target/scsi/limits.ts";
import { FixedSense } from "node-iscsi-target/scsi/sense.ts";
import { cdbOf, rig, senseName } from "../../../helpers/scsi-host.ts";

const LENGTHS: readonly (readonly [read: BlockCdb, write: BlockCdb])[] = [
  [Read10, Write10],
  [Read12, Write12],
  [Read16, Write16],
];

for (const [read, write] of LENGTHS) {
  test(`what ${write.name} wrote, ${read.name} reads, and nothing beside it`, async (t) => {
    const { host, device } = await rig();
    device.bytes.fill(0xee);
    const data = Buffer.alloc(3 * 512, "written");
    const written = await host.send(cdbOf(write, { lba: 5, blocks: 3 }), data);
    t.is(senseName(written), "GOOD");
    t.is(written.dataOutBytes, 1536);
    const { dataIn, dataInBytes } = await host.send(cdbOf(read, { lba: 4, blocks: 5 }));
    t.is(dataInBytes, 5 * 512);
    t.deepEqual(Buffer.from(dataIn ?? []), Buffer.concat([Buffer.alloc(512, 0xee), data, Buffer.alloc(512, 0xee)]));
  });

  test(`${read.name} and ${write.name} refuse a range that ends past the last block, before any data`, async (t) => {
    const { host, device, server } = await rig({ blocks: 100 });
    for (const layout of [read, write]) {
      const task = host.task(cdbOf(layout, { lba: 99, blocks: 2 }));
      const refused = server.admit(task);
      t.is(refused.kind === "done" && senseName(refused), "LBA_OUT_OF_RANGE");
    }
    t.is(senseName(await host.send(cdbOf(read, { lba: 99, blocks: 1 }))), "GOOD");
    t.deepEqual(
      device.ios.map(({ kind }) => kind),
      ["read"],
    );
  });

  test(`${read.name} and ${write.name} of no blocks move nothing, and still check the address`, async (t) => {
    const { host, device } = await rig({ blocks: 100 });
    t.is(senseName(await host.send(cdbOf(read, { lba: 0, blocks: 0 }))), "GOOD");
    t.is(senseName(await host.send(cdbOf(write, { lba: 100, blocks: 0 }))), "GOOD");
    t.is(senseName(await host.send(cdbOf(read, { lba: 101, blocks: 0 }))), "LBA_OUT_OF_RANGE");
    t.is(senseName(await host.send(cdbOf(write, { lba: 0x8000_0000, blocks: 0 }))), "LBA_OUT_OF_RANGE");
    t.deepEqual(device.ios, []);
  });

  test(`${read.name} and ${write.name} with protection information are refused, pointing at the field`, async (t) => {
    const { host } = await rig();
    for (const layout of [read, write]) {
      const result = await host.send(cdbOf(layout, { blocks: 1, protect: 1 }), Buffer.alloc(512));
      t.is(senseName(result), "INVALID_FIELD_IN_CDB");
      // SKSV, C/D, BPV and bit 7; byte 1.
      t.is(FixedSense.senseKeySpecific.get(result.sense ?? Buffer.alloc(0), 0), 0xcf0001);
    }
  });
}

test("READ(6) and WRITE(6) address 21 bits, and a length of 0 means 256 blocks", async (t) => {
  const { host, device } = await rig({ blocks: 0x12000 });
  const data = Buffer.alloc(256 * 512, "six");
  t.is(senseName(await host.send(cdbOf(Write6, { lba: 0x11e00, blocks: 0 }), data)), "GOOD");
  t.deepEqual(device.bytes.subarray(0x11e00 * 512, 0x11f00 * 512), data);
  const { dataIn } = await host.send(cdbOf(Read6, { lba: 0x11eff, blocks: 1 }));
  t.deepEqual(Buffer.from(dataIn ?? []), data.subarray(255 * 512));
});

test("READ(16) and WRITE(16) refuse addresses beyond 2^53 as out of range", async (t) => {
  const { host } = await rig();
  const cdb = cdbOf(Read16, { blocks: 1 });
  cdb.fill(0xff, 2, 10);
  t.is(senseName(await host.send(cdb)), "LBA_OUT_OF_RANGE");
});

test("a transfer above MAXIMUM TRANSFER LENGTH is refused before a buffer is allocated", async (t) => {
  const { host, device } = await rig({ blocks: MAX_TRANSFER_BYTES / 512 + 10 });
  const blocks = MAX_TRANSFER_BYTES / 512;
  const refused = await host.send(cdbOf(Read16, { lba: 0, blocks: blocks + 1 }));
  t.is(senseName(refused), "INVALID_FIELD_IN_CDB");
  t.deepEqual(device.ios, []);
  const { dataIn } = await host.send(cdbOf(Read16, { lba: 0, blocks }));
  t.is(dataIn?.length, MAX_TRANSFER_BYTES);
});

test("a READ for which the host has less room reads only the blocks it has room for, and tells the whole length", async (t) => {
  const { host, device } = await rig();
  const result = await host.send(cdbOf(Read10, { lba: 0, blocks: 8 }), undefined, { expectedInBytes: 700 });
  t.is(result.dataInBytes, 8 * 512);
  t.is(result.dataIn?.length, 1024);
  t.is(device.ios[0]?.length, 1024);
});

test("a WRITE for which the host sends fewer blocks writes those, and tells the whole length", async (t) => {
  const { host, device } = await rig();
  device.bytes.fill("a");
  const result = await host.send(cdbOf(Write10, { lba: 0, blocks: 2 }), Buffer.alloc(512, "b"));
  t.is(senseName(result), "GOOD");
  t.is(result.dataOutBytes, 1024);
  t.is(device.bytes.toString("latin1", 511, 513), "ba");
});

test("FUA makes a WRITE go to the medium, and a READ come from it", async (t) => {
  const { host, device } = await rig();
  await host.send(cdbOf(Write10, { blocks: 1 }), Buffer.alloc(512));
  await host.send(cdbOf(Write10, { blocks: 1, fua: 1 }), Buffer.alloc(512));
  await host.send(cdbOf(Read10, { blocks: 1, fua: 1 }));
  t.deepEqual(
    device.ios.map(({ kind, fua }) => [kind, fua]),
    [
      ["write", false],
      ["write", true],
      ["flush", false],
      ["read", false],
    ],
  );
});

test("a write-protected device refuses writes and serves reads", async (t) => {
  const { host, device } = await rig({ readOnly: true });
  t.is(
    senseName(await host.send(cdbOf(Write10, { lba: 0xffff_ffff, blocks: 1 }), Buffer.alloc(512))),
    "LBA_OUT_OF_RANGE",
  );
  t.is(senseName(await host.send(cdbOf(Write10, { blocks: 1 }), Buffer.alloc(512))), "WRITE_PROTECTED");
  t.is(senseName(await host.send(cdbOf(Read10, { blocks: 1 }))), "GOOD");
  t.deepEqual(
    device.ios.map(({ kind }) => kind),
    ["read"],
  );
});

test("a bad medium is reported with the logical block that is bad", async (t) => {
  const { host, device } = await rig();
  device.script = ({ kind }) => (kind === "flush" ? undefined : { kind: "medium-error", offset: 37 * 512 + 100 });
  const read = await host.send(cdbOf(Read10, { lba: 30, blocks: 16 }));
  t.is(senseName(read), "UNRECOVERED_READ_ERROR");
  t.like(FixedSense.decode(read.sense ?? Buffer.alloc(18)), { valid: 1, information: 37 });
  t.is(read.dataIn, undefined);
  const write = await host.send(cdbOf(Write10, { lba: 30, blocks: 16 }), Buffer.alloc(16 * 512));
  t.is(senseName(write), "WRITE_ERROR");
  t.like(FixedSense.decode(write.sense ?? Buffer.alloc(18)), { valid: 1, information: 37 });
});

test("every neutral result of a device has its own sense", async (t) => {
  const { host, device } = await rig();
  const write = () => host.send(cdbOf(Write10, { blocks: 1 }), Buffer.alloc(512));
  device.script = () => ({ kind: "no-space" });
  t.is(senseName(await write()), "SPACE_ALLOCATION_FAILED_WRITE_PROTECT");
  device.script = () => ({ kind: "write-protected" });
  t.is(senseName(await write()), "WRITE_PROTECTED");
  device.script = () => ({ kind: "not-ready" });
  t.is(senseName(await write()), "NOT_READY_CAUSE_NOT_REPORTABLE");
  device.script = () => ({ kind: "reported", report: { senseKey: 3, asc: 0x14, ascq: 1 } });
  t.is(senseName(await write()), "03/14/01");
});

test("the same results are reported where the device answers late", async (t) => {
  const { host, device } = await rig();
  device.script = () => ({ kind: "no-space" });
  device.holding = true;
  const { answer } = host.start(cdbOf(Write10, { blocks: 1 }), Buffer.alloc(512));
  device.release();
  t.is(senseName(await answer), "SPACE_ALLOCATION_FAILED_WRITE_PROTECT");
  device.script = () => undefined;
  device.holding = true;
  const read = host.start(cdbOf(Read10, { blocks: 1 }));
  device.release();
  t.is(senseName(await read.answer), "GOOD");
});

test("a WRITE that was admitted before the unit shrank is refused when its data is there", async (t) => {
  const { host, device, server } = await rig({ blocks: 100 });
  const task = host.task(cdbOf(Write10, { lba: 90, blocks: 2 }));
  t.is(server.admit(task).kind, "accepted");
  device.resize(50);
  t.is(senseName(await server.execute(task, [Buffer.alloc(1024)])), "LBA_OUT_OF_RANGE");
});

test("an exception in the device fails only its command, and is logged", async (t) => {
  const { host, device, bugs } = await rig();
  device.script = () => {
    throw new Error("a bug");
  };
  t.is(senseName(await host.send(cdbOf(Read10, { blocks: 1 }))), "INTERNAL_TARGET_FAILURE");
  t.is(bugs.length, 1);
  device.script = () => undefined;
  t.is(senseName(await host.send(cdbOf(Read10, { blocks: 1 }))), "GOOD");
});

test("SYNCHRONIZE CACHE reports the failure of the device's flush", async (t) => {
  const { host, device } = await rig();
  t.is(senseName(await host.send(cdbOf(SynchronizeCache10))), "GOOD");
  device.script = () => ({ kind: "medium-error", offset: 0 });
  const failed = await host.send(cdbOf(SynchronizeCache10));
  t.is(senseName(failed), "WRITE_ERROR");
  t.is(FixedSense.valid.get(failed.sense ?? Buffer.alloc(18), 0), 0);
  t.deepEqual(
    device.ios.map(({ kind }) => kind),
    ["flush", "flush"],
  );
});

test("where the device answers at once, READ and WRITE do so in the same call, and never enter the task set twice", async (t) => {
  const { host, server, unit } = await rig();
  for (const [cdb, data] of [
    [cdbOf(Read10, { blocks: 8 }), []],
    [cdbOf(Write10, { blocks: 1 }), [Buffer.alloc(512)]],
  ] as const) {
    const task = host.task(cdb);
    t.is(server.admit(task).kind, "accepted");
    t.is(unit.tasks.size, data.length);
    const execution = server.execute(task, data);
    t.false(execution instanceof Promise);
    t.is(senseName(await execution), "GOOD");
    t.is(unit.tasks.size, 0);
    t.is(task.record, undefined);
  }
});

test("blocks of 4096 bytes are addressed as such", async (t) => {
  const { host, device } = await rig({ blocks: 16, blockBytes: 4096 });
  const data = Buffer.alloc(4096, "4k");
  t.is(senseName(await host.send(cdbOf(Write16, { lba: 15, blocks: 1 }), data)), "GOOD");
  t.deepEqual(device.bytes.subarray(15 * 4096), data);
  t.is(senseName(await host.send(cdbOf(Read16, { lba: 16, blocks: 1 }))), "LBA_OUT_OF_RANGE");
});

test("a promise of the device that rejects fails only its command, and is logged", async (t) => {
  const { host, device, bugs, unit } = await rig();
  const read = device.read.bind(device);
  device.read = () => Promise.reject(new Error("a bug"));
  t.is(senseName(await host.send(cdbOf(Read10, { blocks: 1 }))), "INTERNAL_TARGET_FAILURE");
  t.is(bugs.length, 1);
  t.is(unit.tasks.size, 0);
  device.read = read;
  t.is(senseName(await host.send(cdbOf(Read10, { blocks: 1 }))), "GOOD");
});
