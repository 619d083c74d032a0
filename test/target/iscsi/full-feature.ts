/** What is no data: texts, pings, logout, what is rejected, and sessions that take another's place (RFC 7143 6.3.5, 11.10 to 11.19). */
import test from "ava";
import { NO_TAG, Opcode } from "node-iscsi-target/iscsi/opcodes.ts";
import {
  Bhs,
  LogoutRequestPdu,
  LogoutResponsePdu,
  NopInPdu,
  NopOutPdu,
  RejectPdu,
  ScsiResponsePdu,
  TextResponsePdu,
} from "node-iscsi-target/iscsi/pdus.ts";
import { pairs, type RawInitiator, type RawPdu } from "../../helpers/raw-initiator.ts";
import { DISCOVERY, INTRODUCTION, serve, TARGET } from "../../helpers/served-target.ts";

const TEST_UNIT_READY = [0];
const READ_ONE = [0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0];

function opcode({ header }: RawPdu): number {
  return Bhs.opcode.get(header, 0);
}

/** Fails unless the session still answers. */
async function goesOn(initiator: RawInitiator): Promise<void> {
  const tag = initiator.command(TEST_UNIT_READY);
  const answer = await initiator.receive();
  const { initiatorTaskTag, status } = ScsiResponsePdu.decode(answer.header);
  if (opcode(answer) !== Opcode.SCSI_RESPONSE || initiatorTaskTag !== tag || status !== 0) {
    throw new Error("The session does not go on.");
  }
}

test("a ping is answered with its tag, its LUN and its data, in turn or immediately", async (t) => {
  const { login } = await serve(t);
  const initiator = await login();
  for (const immediate of [0, 1]) {
    const header = NopOutPdu.encode({
      opcode: Opcode.NOP_OUT,
      immediate,
      final: 1,
      initiatorTaskTag: 0x1234,
      targetTransferTag: NO_TAG,
      cmdSn: initiator.cmdSn,
      expStatSn: initiator.expStatSn,
    });
    header.writeUInt16BE(5, 8);
    if (immediate === 0) initiator.cmdSn += 1;
    initiator.send(header, Buffer.from("are you there?"));
    const answer = await initiator.receive();
    t.is(opcode(answer), Opcode.NOP_IN);
    t.like(NopInPdu.decode(answer.header), { initiatorTaskTag: 0x1234, targetTransferTag: NO_TAG, final: 1 });
    t.is(answer.header.readUInt16BE(8), 5);
    t.is(NopInPdu.expCmdSn.get(answer.header, 0), initiator.cmdSn, "only what was in turn uses up a number");
    t.is(answer.data.toString(), "are you there?");
  }
  await goesOn(initiator);
});

test("a ping that wants no answer gets none; one longer than our PDUs may be is cut", async (t) => {
  const { login } = await serve(t);
  const initiator = await login({ MaxRecvDataSegmentLength: "512" });
  initiator.request(NopOutPdu, Opcode.NOP_OUT, { final: 1, initiatorTaskTag: NO_TAG, targetTransferTag: NO_TAG });
  initiator.request(NopOutPdu, Opcode.NOP_OUT, { final: 1, targetTransferTag: NO_TAG }, Buffer.alloc(2000, 1));
  const answer = await initiator.receive();
  t.is(opcode(answer), Opcode.NOP_IN);
  t.deepEqual(answer.data, Buffer.alloc(512, 1));
});

test("discovery tells of the target and all its portals; a normal session may ask for its own target only", async (t) => {
  const advertised = { host: "2001:db8::1", port: 3260 };
  const { target, connect, login } = await serve(t, {
    portGroup: 7,
    access: { authorize: () => true, advertised: (_name, { port }) => (port === second.port ? advertised : undefined) },
  });
  const second = await target.listen({ host: "127.0.0.1", port: 0 });
  const discovery = await connect();
  await discovery.login(DISCOVERY);
  discovery.text({ SendTargets: "All" });
  const told = (await discovery.receive()).data.toString().split("\0").filter(Boolean);
  t.is(told[0], `TargetName=${TARGET}`);
  t.regex(told[1] ?? "", /^TargetAddress=127\.0\.0\.1:\d+,7$/);
  t.is(told[2], "TargetAddress=[2001:db8::1]:3260,7");

  const normal = await login();
  for (const [asked, answer] of [
    ["All", { SendTargets: "Reject" }],
    ["iqn.2026-11.example:other", {}],
  ] as const) {
    normal.text({ SendTargets: asked });
    t.deepEqual(pairs((await normal.receive()).data), answer);
  }
  normal.text({ SendTargets: "" });
  t.is(pairs((await normal.receive()).data).TargetName, TARGET);
});

test("an initiator outside the access list discovers nothing, and cannot tell a name that exists from one that does not", async (t) => {
  const { connect } = await serve(t, { access: { authorize: () => false } });
  const stranger = await connect();
  await stranger.login(DISCOVERY);
  for (const name of ["All", TARGET, "iqn.2026-11.example:other"]) {
    stranger.text({ SendTargets: name });
    t.is((await stranger.receive()).data.length, 0, name);
  }
  const answers = [];
  for (const TargetName of [TARGET, "iqn.2026-11.example:other"]) {
    const one = await connect();
    const { status, keys } = await one.loginStep({ next: 3 }, { ...INTRODUCTION, TargetName });
    answers.push({ status, keys });
    await one.ended();
  }
  t.deepEqual(answers[0], answers[1]);
  t.is(answers[0]?.status, 0x0203);
});

test("a discovery session takes no SCSI commands", async (t) => {
  const { connect } = await serve(t);
  const discovery = await connect();
  await discovery.login(DISCOVERY);
  discovery.command(TEST_UNIT_READY);
  t.like(RejectPdu.decode((await discovery.receive()).header), { opcode: Opcode.REJECT, reason: 0x05 });
});

test("a text request is answered key by key; one that continues waits, and a tag that is not ours is rejected", async (t) => {
  const { login } = await serve(t);
  const initiator = await login();
  initiator.text({ "X-com.example.unknown": "1", MaxBurstLength: "512", MaxRecvDataSegmentLength: "1024" });
  const { header, data } = await initiator.receive();
  t.like(TextResponsePdu.decode(header), { final: 1, continue: 0, targetTransferTag: NO_TAG });
  t.deepEqual(pairs(data), { "X-com.example.unknown": "NotUnderstood", MaxBurstLength: "Reject" });

  initiator.text(Buffer.from("SendTar"), { final: 0, continue: 1 });
  const waiting = await initiator.receive();
  const { targetTransferTag } = TextResponsePdu.decode(waiting.header);
  t.is(waiting.data.length, 0);
  initiator.text(Buffer.from("gets=\0"), { targetTransferTag });
  t.is(pairs((await initiator.receive()).data).TargetName, TARGET);

  initiator.text({ SendTargets: "" }, { targetTransferTag: 99 });
  t.like(RejectPdu.decode((await initiator.receive()).header), { opcode: Opcode.REJECT, reason: 0x09 });
  await goesOn(initiator);
});

for (const [what, code, reason] of [
  ["a SNACK, since lost PDUs are not sent again", Opcode.SNACK_REQUEST, 0x03],
  ["an opcode that is none", 0x1f, 0x05],
  ["an opcode of targets", Opcode.SCSI_RESPONSE, 0x05],
] as const) {
  test(`${what}, is rejected with its header and a reason, and the session goes on`, async (t) => {
    const { login } = await serve(t);
    const initiator = await login();
    const header = Bhs.encode({ opcode: code, immediate: 1, final: 1, initiatorTaskTag: 77 });
    initiator.send(header);
    const answer = await initiator.receive();
    t.like(RejectPdu.decode(answer.header), { opcode: Opcode.REJECT, reason, initiatorTaskTag: NO_TAG });
    t.deepEqual(answer.data, header);
    await goesOn(initiator);
  });
}

test("a task tag that is in use is rejected, and the command that has it goes on", async (t) => {
  const { device, login } = await serve(t);
  const initiator = await login();
  device.holding = true;
  const tag = initiator.command(READ_ONE, { readBytes: 512 });
  initiator.command(READ_ONE, { readBytes: 512, tag });
  t.is(opcode(await initiator.receive()), Opcode.REJECT);
  device.release();
  t.is(Bhs.initiatorTaskTag.get((await initiator.receive()).header, 0), tag);
});

for (const [what, fields, answer] of [
  ["of the session", { reason: 0 }, { response: 0, ends: true }],
  ["of this connection", { reason: 1, cid: 0 }, { response: 0, ends: true }],
  ["of a connection that is not there", { reason: 1, cid: 9 }, { response: 1, ends: false }],
  ["for recovery", { reason: 2, cid: 0 }, { response: 2, ends: false }],
] as const) {
  test(`a logout ${what} is answered with ${answer.response}, and ${answer.ends ? "ends" : "does not end"} it`, async (t) => {
    const { target, login } = await serve(t);
    const initiator = await login();
    initiator.request(LogoutRequestPdu, Opcode.LOGOUT_REQUEST, fields);
    const { header } = await initiator.receive();
    t.like(LogoutResponsePdu.decode(header), { opcode: Opcode.LOGOUT_RESPONSE, response: answer.response });
    if (answer.ends) {
      await initiator.ended();
      t.is(target.sessions().length, 0);
    } else await goesOn(initiator);
  });
}

test("a session that takes the place of another carries nothing out until what that had under way has ended", async (t) => {
  const { target, device, login, connect } = await serve(t);
  const old = await login();
  device.holding = true;
  device.deaf = true;
  old.command(READ_ONE, { readBytes: 512 });
  // A round trip shows that the command has come.
  old.request(NopOutPdu, Opcode.NOP_OUT, { final: 1, targetTransferTag: NO_TAG });
  t.is(opcode(await old.receive()), Opcode.NOP_IN);
  const next = await connect();
  await next.login(INTRODUCTION);
  next.command(TEST_UNIT_READY);
  let isAnswered = false;
  const answer = next.receive().then((pdu) => {
    isAnswered = true;
    return pdu;
  });
  await old.ended();
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
  t.false(isAnswered);
  device.release();
  const { data } = await answer;
  t.deepEqual([data[4], data[14]], [6, 0x29], "it is told that it begins anew");
  t.is(target.sessions().length, 1);
});

test("sessions of one initiator with other ISIDs live side by side", async (t) => {
  const { target, login } = await serve(t);
  const [one, other] = [await login({}, { isid: 1 }), await login({}, { isid: 2 })];
  t.is(target.sessions().length, 2);
  await goesOn(one);
  await goesOn(other);
});
