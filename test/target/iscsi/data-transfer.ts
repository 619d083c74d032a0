/** Data on its way, as the full feature phase suites ask for it (RFC 7143 4.2.5.2, 11.4, 11.7, 11.8). */
import test from "ava";
import { NO_TAG, Opcode } from "node-iscsi-target/iscsi/opcodes.ts";
import { Bhs, DataInPdu, DataOutPdu, R2tPdu, ScsiResponsePdu } from "node-iscsi-target/iscsi/pdus.ts";
import type { RawInitiator } from "../../helpers/raw-initiator.ts";
import { serve } from "../../helpers/served-target.ts";

const BLOCK = 512;
const read10 = (lba: number, blocks: number) => [0x28, 0, 0, 0, 0, lba, 0, 0, blocks, 0];
const write10 = (lba: number, blocks: number) => [0x2a, 0, 0, 0, 0, lba, 0, 0, blocks, 0];

/** Bytes that differ from block to block, and from byte to byte. */
function pattern(blocks: number, seed = 1): Buffer {
  return Buffer.from(Array.from({ length: blocks * BLOCK }, (_, at) => (seed + at + Math.floor(at / BLOCK)) & 0xff));
}

function dataOut(initiator: RawInitiator, tag: number, data: Buffer, fields: Record<string, number> = {}): void {
  const common = { opcode: Opcode.DATA_OUT, final: 1, targetTransferTag: NO_TAG, initiatorTaskTag: tag };
  initiator.send(DataOutPdu.encode({ ...common, ...fields }), data);
}

/** The next PDU, which must be an R2T. */
async function r2t(initiator: RawInitiator) {
  const { header } = await initiator.receive();
  if (Bhs.opcode.get(header, 0) !== Opcode.R2T) throw new Error("this is no R2T");
  return R2tPdu.decode(header);
}

async function response(initiator: RawInitiator) {
  const { header, data } = await initiator.receive();
  if (Bhs.opcode.get(header, 0) !== Opcode.SCSI_RESPONSE) throw new Error("this is no SCSI Response");
  return { ...ScsiResponsePdu.decode(header), sense: data.subarray(2) };
}

test("a READ comes in as many Data-In as lengths allow: numbered, F at the end of each burst, the status in the last", async (t) => {
  const { device, login } = await serve(t);
  pattern(8).copy(device.bytes);
  const initiator = await login({ MaxRecvDataSegmentLength: "1024", MaxBurstLength: "2048", FirstBurstLength: "1024" });
  const tag = initiator.command(read10(0, 8), { readBytes: 8 * BLOCK });
  const pdus = [];
  for (let at = 0; at < 4; at++) pdus.push(await initiator.receive());
  const headers = pdus.map(({ header }) => DataInPdu.decode(header));
  t.deepEqual(
    headers.map(({ dataSn, bufferOffset, final, hasStatus }) => [dataSn, bufferOffset, final, hasStatus]),
    [
      [0, 0, 0, 0],
      [1, 1024, 1, 0],
      [2, 2048, 0, 0],
      [3, 3072, 1, 1],
    ],
  );
  t.true(headers.every(({ initiatorTaskTag }) => initiatorTaskTag === tag));
  t.deepEqual(Buffer.concat(pdus.map(({ data }) => data)), pattern(8));
  t.is(headers[3]?.status, 0);
});

for (const [what, expected, fields] of [
  ["more than is read", 1024, { underflow: 1, overflow: 0, residualCount: 512 }],
  ["less than is read", 256, { underflow: 0, overflow: 1, residualCount: 256 }],
  ["what is read", 512, { underflow: 0, overflow: 0, residualCount: 0 }],
] as const) {
  test(`an initiator that expects ${what} is told the residual`, async (t) => {
    const { login } = await serve(t);
    const initiator = await login();
    initiator.command(read10(0, 1), { readBytes: expected });
    const { header, data } = await initiator.receive();
    t.like(DataInPdu.decode(header), { hasStatus: 1, status: 0, ...fields });
    t.is(data.length, Math.min(expected, 512));
  });
}

test("a WRITE whose command has no room for all of its data writes what came, and is told what did not", async (t) => {
  const { device, login } = await serve(t);
  const initiator = await login();
  initiator.command(write10(0, 4), { writeBytes: 2 * BLOCK }, pattern(2));
  t.like(await response(initiator), { status: 0, overflow: 1, residualCount: 2 * BLOCK });
  t.deepEqual(device.bytes.subarray(0, 3 * BLOCK), Buffer.concat([pattern(2), Buffer.alloc(BLOCK)]));
  initiator.command(write10(8, 1), { writeBytes: 2 * BLOCK }, pattern(2));
  t.like(await response(initiator), { status: 0, underflow: 1, residualCount: BLOCK });
  t.deepEqual(device.bytes.subarray(8 * BLOCK, 10 * BLOCK), Buffer.concat([pattern(1), Buffer.alloc(BLOCK)]));
});

test("without immediate data an R2T asks for each burst, in order, and several Data-Out may answer one", async (t) => {
  const { login, device } = await serve(t);
  const initiator = await login({ InitialR2T: "Yes", ImmediateData: "No", MaxBurstLength: "1024" });
  const data = pattern(4);
  const tag = initiator.command(write10(0, 4), { writeBytes: data.length });
  const first = await r2t(initiator);
  t.like(first, { initiatorTaskTag: tag, r2tSn: 0, bufferOffset: 0, desiredDataTransferLength: 1024 });
  const { targetTransferTag } = first;
  dataOut(initiator, tag, data.subarray(0, 512), { targetTransferTag, final: 0 });
  dataOut(initiator, tag, data.subarray(512, 1024), { targetTransferTag, dataSn: 1, bufferOffset: 512 });
  const second = await r2t(initiator);
  t.like(second, { r2tSn: 1, bufferOffset: 1024, desiredDataTransferLength: 1024 });
  t.not(second.targetTransferTag, targetTransferTag);
  dataOut(initiator, tag, data.subarray(1024), { targetTransferTag: second.targetTransferTag, bufferOffset: 1024 });
  t.like(await response(initiator), { status: 0, residualCount: 0 });
  t.deepEqual(device.bytes.subarray(0, data.length), data);
});

test("immediate, unsolicited and solicited data make up one command, and another session reads it", async (t) => {
  const { login } = await serve(t);
  const initiator = await login({ InitialR2T: "No", ImmediateData: "Yes", FirstBurstLength: "1536" });
  const data = pattern(6, 77);
  const tag = initiator.command(write10(3, 6), { writeBytes: data.length, final: false }, data.subarray(0, 512));
  dataOut(initiator, tag, data.subarray(512, 1024), { final: 0, bufferOffset: 512 });
  dataOut(initiator, tag, data.subarray(1024, 1536), { dataSn: 1, bufferOffset: 1024 });
  const { targetTransferTag, bufferOffset, desiredDataTransferLength } = await r2t(initiator);
  t.deepEqual([bufferOffset, desiredDataTransferLength], [1536, 1536]);
  dataOut(initiator, tag, data.subarray(1536), { targetTransferTag, bufferOffset: 1536 });
  t.like(await response(initiator), { status: 0 });
  const other = await login({}, { isid: 0x80_0000_0000_02 });
  other.command(read10(3, 6), { readBytes: data.length });
  t.deepEqual((await other.receive()).data, data);
});

test("unsolicited data may end before FirstBurstLength; the rest is asked for", async (t) => {
  const { login, device } = await serve(t);
  const initiator = await login({ InitialR2T: "No", ImmediateData: "No", FirstBurstLength: "4096" });
  const data = pattern(4);
  const tag = initiator.command(write10(0, 4), { writeBytes: data.length, final: false });
  dataOut(initiator, tag, data.subarray(0, 512));
  const { targetTransferTag, bufferOffset } = await r2t(initiator);
  t.is(bufferOffset, 512);
  dataOut(initiator, tag, data.subarray(512), { targetTransferTag, bufferOffset });
  t.like(await response(initiator), { status: 0 });
  t.deepEqual(device.bytes.subarray(0, data.length), data);
});

test("the LUN of a Data-Out does not matter, its tags do (Windows leaves it wrong)", async (t) => {
  const { login, device } = await serve(t);
  const initiator = await login({ InitialR2T: "Yes", ImmediateData: "No" });
  const tag = initiator.command(write10(0, 1), { writeBytes: BLOCK });
  const { targetTransferTag } = await r2t(initiator);
  const header = DataOutPdu.encode({ opcode: Opcode.DATA_OUT, final: 1, initiatorTaskTag: tag, targetTransferTag });
  header.fill(0xff, 8, 16);
  initiator.send(header, pattern(1));
  t.like(await response(initiator), { status: 0 });
  t.deepEqual(device.bytes.subarray(0, BLOCK), pattern(1));
});

for (const [what, fields] of [
  ["DataSN", { dataSn: 1 }],
  ["buffer offset", { bufferOffset: 512 }],
] as const) {
  test(`data with a wrong ${what} fails its command alone, and nothing of it is written`, async (t) => {
    const { login, device } = await serve(t);
    const initiator = await login({ InitialR2T: "Yes", ImmediateData: "No" });
    const tag = initiator.command(write10(0, 2), { writeBytes: 2 * BLOCK });
    const { targetTransferTag } = await r2t(initiator);
    dataOut(initiator, tag, pattern(2), { targetTransferTag, ...fields });
    const { status, sense } = await response(initiator);
    t.deepEqual([status, sense[2], sense[12], sense[13]], [2, 0x0b, 0x4b, 0x05]);
    t.deepEqual(device.ios, []);
    initiator.command([0]);
    t.like(await response(initiator), { status: 0 }, "the session goes on");
  });
}

type Violation = (initiator: RawInitiator) => Promise<void> | void;

const VIOLATIONS: readonly (readonly [what: string, keys: Record<string, string>, commit: Violation])[] = [
  [
    "immediate data that was not agreed on",
    { ImmediateData: "No" },
    (one) => void one.command(write10(0, 1), { writeBytes: BLOCK }, pattern(1)),
  ],
  [
    "unsolicited data that was not agreed on",
    { InitialR2T: "Yes", ImmediateData: "No" },
    (one) => void one.command(write10(0, 1), { writeBytes: BLOCK, final: false }),
  ],
  [
    "more immediate data than FirstBurstLength",
    { FirstBurstLength: "512" },
    (one) => void one.command(write10(0, 2), { writeBytes: 2 * BLOCK }, pattern(2)),
  ],
  [
    "an unknown transfer tag",
    { InitialR2T: "Yes", ImmediateData: "No" },
    async (one) => {
      const tag = one.command(write10(0, 1), { writeBytes: BLOCK });
      const { targetTransferTag } = await r2t(one);
      dataOut(one, tag, pattern(1), { targetTransferTag: targetTransferTag + 1 });
    },
  ],
  [
    "more data than an R2T asked for",
    { InitialR2T: "Yes", ImmediateData: "No", MaxBurstLength: "512" },
    async (one) => {
      const tag = one.command(write10(0, 2), { writeBytes: 2 * BLOCK });
      const { targetTransferTag } = await r2t(one);
      dataOut(one, tag, pattern(2), { targetTransferTag });
    },
  ],
  [
    "less data than an R2T asked for",
    { InitialR2T: "Yes", ImmediateData: "No" },
    async (one) => {
      const tag = one.command(write10(0, 2), { writeBytes: 2 * BLOCK });
      const { targetTransferTag } = await r2t(one);
      dataOut(one, tag, pattern(1), { targetTransferTag });
    },
  ],
];

for (const [what, keys, commit] of VIOLATIONS) {
  test(`${what}: the connection ends, nothing is written, and others go on`, async (t) => {
    const { login, device } = await serve(t);
    const other = await login({}, { isid: 0x80_0000_0000_02 });
    const initiator = await login(keys);
    await commit(initiator);
    await initiator.ended();
    t.deepEqual(device.ios, []);
    other.command([0]);
    t.like(await response(other), { status: 0 });
  });
}
