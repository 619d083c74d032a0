import test from "ava";
import { Opcode } from "node-iscsi-target/iscsi/opcodes.ts";
import { Bhs, NopOutPdu, RejectPdu } from "node-iscsi-target/iscsi/pdus.ts";
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

function value(wanted: boolean): string {
  return wanted ? "CRC32C" : "None";
}
