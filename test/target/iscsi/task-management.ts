/** Task management as an initiator sees it (RFC 7143 11.5, 11.6): answers, and what others are told. */
import test, { type ExecutionContext } from "ava";
import { NO_TAG, Opcode, TaskFunction } from "node-iscsi-target/iscsi/opcodes.ts";
import {
  Bhs,
  ScsiResponsePdu,
  TaskManagementRequestPdu,
  TaskManagementResponsePdu,
} from "node-iscsi-target/iscsi/pdus.ts";
import type { RawInitiator } from "../../helpers/raw-initiator.ts";
import { serve } from "../../helpers/served-target.ts";

const READ_ONE = [0x28, 0, 0, 0, 0, 0, 0, 0, 1];
const OTHER = { InitiatorName: "iqn.2026-11.example:other" };

async function manage(t: ExecutionContext, initiator: RawInitiator, fields: Readonly<Record<string, number>>) {
  const request = { final: 1, referencedTaskTag: NO_TAG, ...fields };
  const tag = initiator.request(TaskManagementRequestPdu, Opcode.TASK_MANAGEMENT_REQUEST, request);
  const { header } = await initiator.receive();
  t.is(Bhs.opcode.get(header, 0), Opcode.TASK_MANAGEMENT_RESPONSE);
  t.is(Bhs.initiatorTaskTag.get(header, 0), tag);
  return TaskManagementResponsePdu.response.get(header, 0);
}

/** The additional sense of a TEST UNIT READY; undefined where it is GOOD. */
async function attention(initiator: RawInitiator): Promise<number | undefined> {
  initiator.command([0]);
  const { header, data } = await initiator.receive();
  return ScsiResponsePdu.status.get(header, 0) === 0 ? undefined : data.readUInt16BE(14);
}

test("TARGET COLD RESET is answered, then every session ends; those that come back meet a unit that was reset", async (t) => {
  const { target, login } = await serve(t);
  const [one, other] = [await login(), await login(OTHER)];
  t.is(await manage(t, one, { function: TaskFunction.TARGET_COLD_RESET }), 0);
  await Promise.all([one.ended(), other.ended()]);
  t.deepEqual(target.sessions(), []);
  t.is(await attention(await login()), undefined);
});

test("TARGET COLD RESET releases what RESERVE has taken", async (t) => {
  const { login } = await serve(t);
  const [one, other] = [await login(), await login(OTHER)];
  one.command([0x16]);
  t.is(ScsiResponsePdu.status.get((await one.receive()).header, 0), 0);
  t.is(await manage(t, other, { function: TaskFunction.TARGET_COLD_RESET }), 0);
  await other.ended();
  const again = await login(OTHER);
  again.command(READ_ONE, { readBytes: 512 });
  t.is(ScsiResponsePdu.status.get((await again.receive()).header, 0), 0);
});

test("an initiator that may not is refused TARGET COLD RESET, and nothing ends", async (t) => {
  const { target, login } = await serve(t, { access: { authorize: () => true, mayColdReset: () => false } });
  const [one, other] = [await login(), await login(OTHER)];
  t.is(await manage(t, one, { function: TaskFunction.TARGET_COLD_RESET }), 6);
  t.is(await attention(other), undefined);
  t.is(target.sessions().length, 2);
});

for (const [name, code] of [
  ["LOGICAL UNIT RESET", TaskFunction.LOGICAL_UNIT_RESET],
  ["TARGET WARM RESET", TaskFunction.TARGET_WARM_RESET],
] as const) {
  test(`${name} ends the commands of all, who are told by unit attention, and no session`, async (t) => {
    const { target, device, login } = await serve(t);
    const [one, other] = [await login(), await login(OTHER)];
    device.holding = true;
    other.command(READ_ONE, { readBytes: 512 });
    one.command(READ_ONE, { readBytes: 512 });
    t.is(await manage(t, one, { function: code }), 0);
    device.release();
    t.is(await attention(other), 0x2903);
    t.is(await attention(other), undefined);
    t.is(target.sessions().length, 2);
  });
}

test("CLEAR TASK SET ends the commands of others, and tells them", async (t) => {
  const { device, login } = await serve(t);
  const [one, other] = [await login(), await login(OTHER)];
  device.holding = true;
  other.command(READ_ONE, { readBytes: 512 });
  // A round trip shows that it has come.
  t.is(await manage(t, other, { function: TaskFunction.TASK_REASSIGN }), 4);
  t.is(await manage(t, one, { function: TaskFunction.CLEAR_TASK_SET }), 0);
  device.release();
  t.is(await attention(other), 0x2f00);
  t.is(await attention(one), undefined);
});

test("ABORT TASK SET ends the commands of its session alone", async (t) => {
  const { device, login } = await serve(t);
  const [one, other] = [await login(), await login(OTHER)];
  device.holding = true;
  one.command(READ_ONE, { readBytes: 512 });
  const kept = other.command(READ_ONE, { readBytes: 512 });
  t.is(await manage(t, other, { function: TaskFunction.TASK_REASSIGN }), 4);
  t.is(await manage(t, one, { function: TaskFunction.ABORT_TASK_SET }), 0);
  device.release();
  t.is(Bhs.initiatorTaskTag.get((await other.receive()).header, 0), kept);
  t.is(await attention(one), undefined);
});

test("ABORT TASK: done where the command is under way, no such task where it was answered", async (t) => {
  const { device, login } = await serve(t);
  const initiator = await login();
  device.holding = true;
  const tag = initiator.command(READ_ONE, { readBytes: 512 });
  const abort = { function: TaskFunction.ABORT_TASK, referencedTaskTag: tag, refCmdSn: initiator.cmdSn - 1 };
  t.is(await manage(t, initiator, abort), 0);
  t.is(await manage(t, initiator, abort), 1);
});

test("functions that are none, CLEAR ACA and TASK REASSIGN get the answers for that", async (t) => {
  const { login } = await serve(t);
  const initiator = await login();
  t.is(await manage(t, initiator, { function: 99 }), 5);
  t.is(await manage(t, initiator, { function: TaskFunction.CLEAR_ACA }), 5);
  t.is(await manage(t, initiator, { function: TaskFunction.TASK_REASSIGN }), 4);
});
