import test from "ava";
import { Opcode } from "node-iscsi-target/iscsi/opcodes.ts";
import { Bhs, DataOutPdu, NopOutPdu, R2tPdu, RejectPdu, ScsiCommandPdu } from "node-iscsi-target/iscsi/pdus.ts";
import { crc32c } from "node-iscsi-target/wire/crc32c.ts";
import type { RawInitiator } from "../../helpers/raw-initiator.ts";
import { INTRODUCTION, serve } from "../../helpers/served-target.ts";

const COMBINATIONS = [
  { header: false, data: true },
  { header: true, data: true },
  { header: true, data: false },
  { header: false, data: false },
];

for (const { header, data } of COMBINATIONS) {
  test(`a session with HeaderDigest=${value(header)} and DataDigest=${value(data)} carries exactly these`, async (t) => {
    const initiator = await (await serve(t)).connect();
    const { keys } = await initiator.login({
      ...INTRODUCTION,
      HeaderDigest: value(header),
      DataDigest: value(data),
    });
    t.is(keys.HeaderDigest, value(header));
    t.is(keys.DataDigest, value(data));

    // Whoever receives checks the digests, so that reading the echo says that each is there and right.
    initiator.request(NopOutPdu, Opcode.NOP_OUT, { final: 1, targetTransferTag: 0xffff_ffff }, Buffer.from("hello"));
    const echo = await initiator.receive();
    t.is(Bhs.opcode.get(echo.header, 0), Opcode.NOP_IN);
    t.is(echo.data.toString(), "hello");
  });
}

test("a damaged header digest ends the connection, without an answer", async (t) => {
  const initiator = await (await serve(t)).login({ HeaderDigest: "CRC32C" });
  initiator.headerDigest = false;
  initiator.socket.write(Buffer.concat([NopOutPdu.encode({ opcode: Opcode.NOP_OUT }), Buffer.alloc(4, 0x55)]));
  await t.throwsAsync(initiator.receive(), { message: /ended the connection/ });
});

test("a damaged data digest is rejected with its reason, then the connection ends", async (t) => {
  const initiator = await (await serve(t)).login({ DataDigest: "CRC32C" });
  const header = NopOutPdu.encode({ opcode: Opcode.NOP_OUT, immediate: 1, initiatorTaskTag: 9, cmdSn: 2 });
  Bhs.dataSegmentLength.set(header, 0, 4);
  initiator.socket.write(Buffer.concat([header, Buffer.from("data"), Buffer.alloc(4, 0x55)]));
  const reject = await initiator.receive();
  t.is(RejectPdu.opcode.get(reject.header, 0), Opcode.REJECT);
  t.is(RejectPdu.reason.get(reject.header, 0), 0x02, "Data (payload) digest error, RFC 7143 11.17.1");
  t.deepEqual(reject.data, header, "the header of what was rejected");
  await initiator.ended();
});

for (const [where, sends] of [
  ["with its command", (initiator) => damaged(initiator, writeCommand(initiator))],
  [
    "in answer to an R2T",
    async (initiator) => {
      initiator.send(writeCommand(initiator));
      const { header } = await initiator.receive();
      const { initiatorTaskTag, targetTransferTag } = R2tPdu.decode(header);
      const fields = { opcode: Opcode.DATA_OUT, final: 1, initiatorTaskTag, targetTransferTag };
      damaged(initiator, DataOutPdu.encode(fields));
    },
  ],
] as const satisfies readonly (readonly [string, (initiator: RawInitiator) => unknown])[]) {
  test(`data that was damaged on the way ${where} does not reach the disk, and nobody else notices`, async (t) => {
    const { device, login } = await serve(t);
    const other = await login({}, { isid: 1 });
    const initiator = await login({ DataDigest: "CRC32C", HeaderDigest: "CRC32C" }, { isid: 2 });
    await sends(initiator);
    const { header } = await initiator.receive();
    t.is(RejectPdu.reason.get(header, 0), 0x02);
    await initiator.ended();
    t.deepEqual(device.ios, []);
    other.command([0]);
    t.is(Bhs.opcode.get((await other.receive()).header, 0), Opcode.SCSI_RESPONSE);
  });
}

/** WRITE(10) of one block. */
function writeCommand(initiator: RawInitiator): Buffer {
  const numbers = { cmdSn: initiator.cmdSn, expStatSn: initiator.expStatSn, initiatorTaskTag: 0x77 };
  const fields = { opcode: Opcode.SCSI_COMMAND, final: 1, write: 1, attribute: 1, expectedDataTransferLength: 512 };
  const header = ScsiCommandPdu.encode({ ...fields, ...numbers });
  header.set([0x2a, 0, 0, 0, 0, 0, 0, 0, 1], 32);
  return header;
}

/** The header, and a block one bit of which has changed since its digest was made. */
function damaged({ socket }: RawInitiator, header: Buffer): void {
  const data = Buffer.alloc(512, "d");
  Bhs.dataSegmentLength.set(header, 0, data.length);
  const [headerDigest, dataDigest] = [header, data].map((bytes) => {
    const digest = Buffer.alloc(4);
    digest.writeUInt32LE(crc32c([bytes]));
    return digest;
  }) as [Buffer, Buffer];
  data[100] = (data[100] as number) ^ 1;
  socket.write(Buffer.concat([header, headerDigest, data, dataDigest]));
}

function value(wanted: boolean): string {
  return wanted ? "CRC32C" : "None";
}
