/** POPULATE TOKEN and WRITE USING TOKEN, seen by READ; how they went, by RECEIVE ROD TOKEN INFORMATION. */
import test from "ava";
import * as cdbs from "node-iscsi-target/scsi/cdb.ts";
import { CopyStatusDataLid4, ThirdPartyHeader } from "node-iscsi-target/scsi/copy/layouts.ts";
import * as limits from "node-iscsi-target/scsi/copy/limits.ts";
import {
  BlockRodLimitsData,
  RodToken,
  RodType,
  SupportedRodType,
  WriteUsingTokenHeader,
} from "node-iscsi-target/scsi/copy/token-layouts.ts";
import { BlockDeviceServer } from "node-iscsi-target/scsi/device-server.ts";
import { LogicalUnit } from "node-iscsi-target/scsi/logical-unit.ts";
import { ReservationType } from "node-iscsi-target/scsi/reservations/state.ts";
import { FixedInventory } from "node-iscsi-target/scsi/server-context.ts";
import { reserveOut } from "../../../helpers/reservations.ts";
import { descriptors, populate, type Ranges, SECOND_LUN, tokenFor, told, write } from "../../../helpers/rod-tokens.ts";
import { ScriptedDevice } from "../../../helpers/scripted-device.ts";
import { anotherHost, cdbOf, IDENTITY, type ScsiHost, senseName } from "../../../helpers/scsi-host.ts";
import { twoUnits } from "../../../helpers/two-units.ts";

async function readBack(host: ScsiHost, lba: number, blocks: number): Promise<Buffer> {
  const { dataIn } = await host.send(cdbOf(cdbs.Read10, { lba, blocks }), undefined, SECOND_LUN);
  return Buffer.from(dataIn ?? []);
}

test("what a token stands for is written elsewhere, range after range, and the counts say how much", async (t) => {
  const { host, devices } = await twoUnits();
  devices[0].bytes.fill(1, 8 * 512, 16 * 512);
  devices[0].bytes.fill(2, 100 * 512, 108 * 512);
  const ranges: Ranges = [
    [100, 8],
    [8, 8],
  ];
  t.is(await populate(host, ranges), "GOOD");
  const made = await told(host, 1);
  t.like(made?.status, { serviceAction: 0x10, status: 1, completionStatus: 0, transferUnits: 0xf1, transferCount: 16 });
  const token = made?.token as Buffer;
  t.like(RodToken.decode(token), { type: RodType.CHANGE_VULNERABLE, followingBytes: 0x1f8, representedBytes: 8192 });
  t.is(await told(host, 1), undefined, "it is told once");
  t.is(await write(host, token, [[20, 2]]), "GOOD");
  t.deepEqual(await readBack(host, 20, 2), Buffer.concat([Buffer.alloc(4096, 2), Buffer.alloc(4096, 1)]));
  const status = (await told(host, 2, SECOND_LUN))?.status;
  t.like(status, { serviceAction: 0x11, status: 1, transferCount: 2, segments: 0 });
});

test("RECEIVE COPY STATUS (LID4) knows the same, and keeps it", async (t) => {
  const { host } = await twoUnits();
  t.is(await populate(host, [[0, 8]]), "GOOD");
  for (const _ of [1, 2]) {
    const { dataIn } = await host.send(cdbOf(cdbs.CopyStatusLid4, { listId: 1, allocationBytes: 255 }));
    t.like(CopyStatusDataLid4.decode(dataIn as Uint8Array), { status: 1, serviceAction: 0x10, transferCount: 8 });
  }
  const reset = await host.send(cdbOf(cdbs.RodTokenInformation, { listId: 1 }));
  t.is(reset.status, 0);
  t.is(await told(host, 1), undefined, "an allocation length of 0 discards it");
});

test("an offset into the token counts in blocks of the destination, across ranges of smaller blocks", async (t) => {
  const { host, devices } = await twoUnits();
  for (let block = 0; block < 2048; block++) devices[0].bytes.fill(block % 251, block * 512, (block + 1) * 512);
  const token = await tokenFor(host, [
    [15, 6],
    [40, 60],
  ]);
  t.is(await write(host, token, [[3, 1]], { offsetBlocks: 1 }), "GOOD");
  // SBC-4 5.59.2, the example: byte 4096 of the token is LBA 42.
  t.deepEqual(await readBack(host, 3, 1), devices[0].bytes.subarray(42 * 512, 50 * 512));
  t.is(await write(host, token, [[4, 1]]), "GOOD");
  const first = Buffer.concat([
    devices[0].bytes.subarray(15 * 512, 21 * 512),
    devices[0].bytes.subarray(40 * 512, 42 * 512),
  ]);
  t.deepEqual(await readBack(host, 4, 1), first, "one block of the destination is of two ranges");
});

test("more than the token stands for is not written, but for the rest of its last block, and that is an error", async (t) => {
  const { host, devices } = await twoUnits();
  devices[0].bytes.fill(5, 0, 12 * 512);
  devices[1].bytes.fill(9);
  const token = await tokenFor(host, [[0, 12]]);
  t.is(await write(host, token, [[0, 4]]), "COPY_TARGET_DATA_UNDERRUN");
  const expected = Buffer.concat([Buffer.alloc(12 * 512, 5), Buffer.alloc(4 * 512), Buffer.alloc(2 * 4096, 9)]);
  t.deepEqual(await readBack(host, 0, 4), expected);
  t.like((await told(host, 2, SECOND_LUN))?.status, { status: 3, completionStatus: 2, transferCount: 2 });
  t.is(await write(host, token, [[0, 1]], { offsetBlocks: 2 }), "INVALID_FIELD_IN_PARAMETER_LIST");
});

test("the block device zero ROD token writes zeros, and gives back what it can", async (t) => {
  const { host, devices } = await twoUnits();
  await devices[1].write(0, [Buffer.alloc(4 * 4096, 9)]);
  devices[1].ios.length = 0;
  const zero = RodToken.encode({ type: RodType.ZERO, followingBytes: 0x1f8 });
  const ranges: Ranges = [
    [1, 1],
    [3, 1],
  ];
  t.is(await write(host, zero, ranges), "GOOD");
  t.deepEqual(
    [0, 1, 2, 3].map((block) => devices[1].bytes[block * 4096]),
    [9, 0, 9, 0],
  );
  t.deepEqual([...new Set(devices[1].ios.map(({ kind }) => kind))], ["unmap"]);
  t.is(await write(host, zero, [[0, 8]], {}, { lun: 0 }), "GOOD");
  t.is(devices[0].ios.at(-1)?.kind, "writeZeroes", "a unit that is not thin keeps its blocks");
});

test("lists whose lengths or fields are wrong are refused, with a pointer at what is wrong", async (t) => {
  const { host } = await twoUnits();
  const one: Ranges = [[0, 1]];
  t.is(await populate(host, one, { followingBytes: 29 }), "INVALID_FIELD_IN_PARAMETER_LIST");
  t.is(await populate(host, [], { followingBytes: 30 }), "INVALID_FIELD_IN_PARAMETER_LIST");
  t.is(await populate(host, one, { inactivityS: limits.MAX_INACTIVITY_S + 1 }), "INVALID_FIELD_IN_PARAMETER_LIST");
  t.is(await populate(host, one, { typeValid: 1, type: 0x0001_0000 }), "INVALID_FIELD_IN_PARAMETER_LIST");
  t.is(await populate(host, one, { typeValid: 1, type: RodType.POINT_IN_TIME_ANY }), "GOOD");
  t.is(await populate(host, [[2048, 1]]), "LBA_OUT_OF_RANGE");
  const twice: Ranges = [
    [0, 8],
    [7, 1],
  ];
  t.is(await populate(host, twice), "INVALID_FIELD_IN_PARAMETER_LIST");
  const many = Array.from({ length: limits.MAX_TOKEN_RANGES + 1 }, (_, at) => [at, 1] as const);
  t.is(await populate(host, many), "TOO_MANY_SEGMENT_DESCRIPTORS");
  t.is(await populate(host, many.slice(1)), "GOOD");
  const short = await host.send(cdbOf(cdbs.PopulateToken, { listBytes: 15 }), Buffer.alloc(15));
  t.is(senseName(short), "PARAMETER_LIST_LENGTH_ERROR");
  t.is(senseName(await host.send(cdbOf(cdbs.PopulateToken))), "GOOD", "no list is no error");
  const token = await tokenFor(host, one);
  t.is(await write(host, token, one, { rangeBytes: 8 }), "INVALID_FIELD_IN_PARAMETER_LIST");
  t.is(await write(host, token, [[256, 1]]), "LBA_OUT_OF_RANGE");
  t.is(await told(host, 99), undefined);
});

test("reservations stop tokens as they stop READ and WRITE, and write protection stops the second", async (t) => {
  const { host, server, units } = await twoUnits();
  const token = await tokenFor(host, [[0, 8]]);
  const other = await anotherHost(server);
  await reserveOut(other, cdbs.Register, { newKey: 1n });
  await reserveOut(other, cdbs.Reserve, { key: 1n, type: ReservationType.EXCLUSIVE_ACCESS });
  t.is(await populate(host, [[0, 8]]), "status 24");
  t.is(await write(host, token, [[0, 1]]), "GOOD", "of what it was given before");
  t.is(await write(host, token, [[0, 8]], {}, { lun: 0 }), "status 24");
  units[1].mode.softwareWriteProtect = true;
  t.is(await write(host, token, [[0, 1]]), "WRITE_PROTECTED");
});

test("WRITE USING TOKEN with IMMED goes on after its command; an abort of one without it ends the copy", async (t) => {
  const { host, server, devices } = await twoUnits();
  devices[0].bytes.fill(3, 0, 4096);
  const token = await tokenFor(host, [[0, 8]]);
  devices[0].holding = true;
  t.is(await write(host, token, [[0, 1]], { immediate: 1 }), "GOOD");
  t.like((await told(host, 2, SECOND_LUN))?.status, { status: 0x10, transferCount: 0 });
  t.is(await write(host, token, [[0, 1]]), "OPERATION_IN_PROGRESS");
  devices[0].release();
  let status = (await told(host, 2, SECOND_LUN))?.status;
  for (; status?.status === 0x10; status = (await told(host, 2, SECOND_LUN))?.status) await new Promise(setImmediate);
  t.like(status, { status: 1, transferCount: 1 });
  t.deepEqual(await readBack(host, 0, 1), Buffer.alloc(4096, 3));

  devices[0].holding = true;
  const list = descriptors([[1, 1]]);
  const header = { token, followingBytes: 534 + list.length, rangeBytes: list.length };
  const data = Buffer.concat([WriteUsingTokenHeader.encode(header), list]);
  const { task, answer } = host.start(
    cdbOf(cdbs.WriteUsingToken, { listId: 2, listBytes: data.length }),
    data,
    SECOND_LUN,
  );
  await server.abortTask(task);
  t.is(senseName(await answer), "aborted");
  t.like((await told(host, 2, SECOND_LUN))?.status, { status: 0x60, completionStatus: 0x40 });
  t.deepEqual(await readBack(host, 1, 1), Buffer.alloc(4096));
});

test("a unit that other servers serve as well has no tokens, and says so", async (t) => {
  const device = new ScriptedDevice();
  const unit = new LogicalUnit(device, IDENTITY, { servedElsewhere: true });
  const server = new BlockDeviceServer({ inventory: new FixedInventory(new Map([[0, unit]])) });
  const host = await anotherHost(server);
  t.is(await populate(host, [[0, 1]]), "INVALID_COMMAND_OPERATION_CODE");
  t.deepEqual([...(await thirdPartyCopy(host)).keys()], [0x0001, 0x0004, 0x0008, 0x8001]);
});

test("VPD page 8Fh tells the commands, the limits and the kinds of tokens", async (t) => {
  const { host } = await twoUnits();
  const told = await thirdPartyCopy(host);
  t.deepEqual([...told.keys()], [0x0000, 0x0001, 0x0004, 0x0008, 0x0106, 0x0108, 0x8001]);
  t.is(told.get(0x0001)?.toString("hex"), "0d83040001101184050003040507".padEnd(32, "0"));
  t.deepEqual(BlockRodLimitsData.decode(told.get(0x0000) as Buffer), {
    maxRanges: limits.MAX_TOKEN_RANGES,
    maxInactivityS: limits.MAX_INACTIVITY_S,
    defaultInactivityS: limits.DEFAULT_INACTIVITY_S,
    maxTransferBlocks: limits.MAX_TOKEN_BYTES / 512,
    optimalTransferBlocks: limits.OPTIMAL_TOKEN_BYTES / 512,
  });
  const types = told.get(0x0108) as Buffer;
  t.is(types.readUInt16BE(2), 2 * SupportedRodType.sizeBytes);
  t.like(SupportedRodType.decode(types, 4), { type: RodType.CHANGE_VULNERABLE, tokenIn: 1, tokenOut: 1 });
  t.like(SupportedRodType.decode(types, 68), { type: RodType.ZERO, tokenIn: 1, tokenOut: 0 });
});

/** The bodies of its descriptors, by type. */
async function thirdPartyCopy(host: ScsiHost): Promise<Map<number, Buffer>> {
  const cdb = cdbOf(cdbs.Inquiry, { vitalData: 1, pageCode: 0x8f, allocationBytes: 4096 });
  const page = Buffer.from((await host.send(cdb)).dataIn ?? []);
  if (page.readUInt16BE(2) !== page.length - 4) throw new Error("The lengths do not agree.");
  const descriptors = new Map<number, Buffer>();
  for (let at = 4; at < page.length; ) {
    const { type, descriptorBytes } = ThirdPartyHeader.decode(page, at);
    descriptors.set(type, page.subarray(at + 4, at + 4 + descriptorBytes));
    at += 4 + descriptorBytes;
  }
  return descriptors;
}
