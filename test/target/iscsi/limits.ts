/** What a target puts up with, and no more (TargetLimits): who goes beyond a limit is gone, and those that are there go on. */
import test from "ava";
import { Target, UserError } from "node-iscsi-target";
import { Opcode } from "node-iscsi-target/iscsi/opcodes.ts";
import { Bhs, LoginRequestPdu, NopOutPdu, ScsiResponsePdu } from "node-iscsi-target/iscsi/pdus.ts";
import type { RawInitiator } from "../../helpers/raw-initiator.ts";
import { INTRODUCTION, serve, TARGET } from "../../helpers/served-target.ts";

async function goesOn(initiator: RawInitiator): Promise<boolean> {
  initiator.command([0]);
  const { header } = await initiator.receive();
  return Bhs.opcode.get(header, 0) === Opcode.SCSI_RESPONSE && ScsiResponsePdu.status.get(header, 0) === 0;
}

test("a limit that there is not, or that is out of its range, is refused in a sentence", (t) => {
  const target = (limits: object) => () => new Target({ name: TARGET, luns: {}, limits });
  for (const [limits, said] of [
    [{ pduBytes: 511 }, "The limit pduBytes is 511: expected a whole number from 512 to 16777215."],
    [{ loginTimeMs: 0 }, /from 1 to/],
    [{ connections: 1.5 }, /The limit connections is 1.5/],
    [{ tasksPerSession: Number.NaN }, /whole number/],
    [{ patience: 1 }, /^There is no limit patience; there are connections, loginsPerAddress, /],
  ] as const) {
    t.throws(target(limits), { instanceOf: UserError, message: said });
  }
  t.notThrows(target({ logoutTimeMs: 0, connections: 1 }));
});

test("one connection more than there may be is closed without a word", async (t) => {
  const { connect, login } = await serve(t, { limits: { connections: 2 } });
  const [one, other] = [await login({}, { isid: 1 }), await login({}, { isid: 2 })];
  await (await connect()).ended();
  t.true((await goesOn(one)) && (await goesOn(other)));
  one.socket.destroy();
  for (let tries = 0; ; tries++) {
    const next = await connect();
    try {
      await next.login(INTRODUCTION, { isid: 3 });
      break;
    } catch (error) {
      if (tries === 100) throw error;
    }
  }
  t.pass("there is room again");
});

test("one address has so many connections that have not logged in; sessions do not count", async (t) => {
  const { connect, login } = await serve(t, { limits: { loginsPerAddress: 2 } });
  const session = await login();
  const waiting = [await connect(), await connect()];
  await (await connect()).ended();
  t.true(await goesOn(session));
  await waiting[0]?.login(INTRODUCTION, { isid: 2 });
  await (await connect()).login(INTRODUCTION, { isid: 3 });
  t.true(await goesOn(session));
});

test("a login that takes too long is ended, however it dawdles", async (t) => {
  const { connect, login } = await serve(t, { limits: { loginTimeMs: 300 } });
  const session = await login();
  const [silent, slow] = [await connect(), await connect()];
  const header = LoginRequestPdu.encode({ opcode: Opcode.LOGIN_REQUEST, immediate: 1, currentStage: 1 });
  slow.socket.write(header.subarray(0, 20));
  const talking = await connect();
  const talk = (async () => {
    await talking.loginStep({ stage: 1 }, INTRODUCTION);
    for (;;) await talking.loginStep({ stage: 1 });
  })();
  await Promise.all([silent.ended(), slow.ended(), t.throwsAsync(talk)]);
  t.true(await goesOn(session));
});

test("a data segment longer than we declared ends its connection before it is kept", async (t) => {
  const { login } = await serve(t, { limits: { pduBytes: 1024 } });
  const [one, other] = [await login({}, { isid: 1 }), await login({}, { isid: 2 })];
  const header = NopOutPdu.encode({ opcode: Opcode.NOP_OUT, immediate: 1, final: 1, initiatorTaskTag: 1 });
  Bhs.dataSegmentLength.set(header, 0, 1028);
  one.socket.write(header);
  await one.ended();
  t.true(await goesOn(other));
});

test("a text longer than the limit, over however many requests, is rejected", async (t) => {
  const { login } = await serve(t, { limits: { textBytes: 2048 } });
  const initiator = await login();
  let answer: Buffer = Buffer.alloc(48);
  let targetTransferTag = 0xffff_ffff;
  for (let sent = 0; Bhs.opcode.get(answer, 0) !== Opcode.REJECT; sent += 600) {
    t.true(sent < 4096);
    initiator.text(Buffer.alloc(600, "a"), { final: 0, continue: 1, targetTransferTag });
    answer = (await initiator.receive()).header;
    targetTransferTag = answer.readUInt32BE(20);
  }
  t.true(await goesOn(initiator));
});
