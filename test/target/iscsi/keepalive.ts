/** How a target finds out that an initiator is gone, and whom it leaves alone (RFC 7143 11.18, 11.19; RFC 5482). */
import { once } from "node:events";
import test, { type ExecutionContext } from "ava";
import { NO_TAG, Opcode } from "node-iscsi-target/iscsi/opcodes.ts";
import { Bhs, NopInPdu, NopOutPdu } from "node-iscsi-target/iscsi/pdus.ts";
import type { RawInitiator } from "../../helpers/raw-initiator.ts";
import { serve } from "../../helpers/served-target.ts";

/** Answers come within a turn or two of one event loop; a busy machine may keep it. */
const QUICK = { pingAfterMs: 50, pingAnswerMs: 500 };

/** From now on the target knows that it speaks NOP. */
async function ping(t: ExecutionContext, initiator: RawInitiator): Promise<void> {
  initiator.request(NopOutPdu, Opcode.NOP_OUT, { final: 1, targetTransferTag: NO_TAG });
  t.is(Bhs.opcode.get((await initiator.receive()).header, 0), Opcode.NOP_IN);
}

/** The target's own ping, which asks for an answer. */
async function pinged(t: ExecutionContext, initiator: RawInitiator) {
  const { expStatSn } = initiator;
  const { header, data } = await initiator.receive();
  t.is(Bhs.opcode.get(header, 0), Opcode.NOP_IN);
  const fields = NopInPdu.decode(header);
  t.like(fields, { final: 1, initiatorTaskTag: NO_TAG });
  t.not(fields.targetTransferTag, NO_TAG);
  t.is(data.length, 0);
  // It uses up no StatSN: the next PDU with a status has the one that it names.
  t.is(NopInPdu.statSn.get(header, 0), expStatSn);
  initiator.expStatSn = expStatSn;
  return fields;
}

function answer(initiator: RawInitiator, targetTransferTag: number): void {
  initiator.request(NopOutPdu, Opcode.NOP_OUT, { final: 1, initiatorTaskTag: NO_TAG, targetTransferTag });
}

test("an initiator that pings is pinged when it falls silent, and goes on as long as it answers", async (t) => {
  const { target, login } = await serve(t, { limits: QUICK });
  const initiator = await login();
  await ping(t, initiator);
  const tags = new Set<number>();
  for (let round = 0; round < 3; round += 1) {
    const { targetTransferTag } = await pinged(t, initiator);
    tags.add(targetTransferTag);
    answer(initiator, targetTransferTag);
  }
  t.is(tags.size, 3);
  t.is(target.sessions().length, 1);
});

test("an initiator that does not answer a ping is given up, and its session with it", async (t) => {
  const { target, login } = await serve(t, { limits: QUICK });
  const initiator = await login();
  await ping(t, initiator);
  const gone = once(target, "logout");
  await pinged(t, initiator);
  await Promise.all([initiator.ended(), gone]);
  t.deepEqual(target.sessions(), []);
});

test("whatever an initiator says is a sign of life", async (t) => {
  const { target, login } = await serve(t, { limits: QUICK });
  const initiator = await login();
  await ping(t, initiator);
  await pinged(t, initiator);
  initiator.command([0]);
  t.is(Bhs.opcode.get((await initiator.receive()).header, 0), Opcode.SCSI_RESPONSE);
  const { targetTransferTag } = await pinged(t, initiator);
  answer(initiator, targetTransferTag);
  t.is(target.sessions().length, 1);
});

test("an initiator that has never pinged is never pinged, however long it is silent: iPXE knows no NOP", async (t) => {
  const { login } = await serve(t, { limits: QUICK });
  const silent = await login({}, { isid: 1 });
  const witness = await login({}, { isid: 2 });
  await ping(t, witness);
  // As many rounds as would have ended the silent one's session twice over.
  for (let round = 0; round < 3; round += 1) answer(witness, (await pinged(t, witness)).targetTransferTag);
  silent.command([0]);
  t.is(Bhs.opcode.get((await silent.receive()).header, 0), Opcode.SCSI_RESPONSE);
});
