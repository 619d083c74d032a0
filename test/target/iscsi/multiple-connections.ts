/** Several connections per session (RFC 7143 4.2.2, 4.2.5, 6.3.4): order across them, allegiance, reinstatement. */
import test, { type ExecutionContext } from "ava";
import { NO_TAG, Opcode, TaskFunction } from "node-iscsi-target/iscsi/opcodes.ts";
import {
  Bhs,
  DataOutPdu,
  LoginResponsePdu,
  LogoutRequestPdu,
  LogoutResponsePdu,
  R2tPdu,
  ScsiResponsePdu,
  TaskManagementRequestPdu,
  TaskManagementResponsePdu,
} from "node-iscsi-target/iscsi/pdus.ts";
import type { Keys, LoginStep, RawInitiator } from "../../helpers/raw-initiator.ts";
import { INTRODUCTION, type ServedTarget, serve } from "../../helpers/served-target.ts";

const TEST_UNIT_READY = [0];
const READ_ONE = [0x28, 0, 0, 0, 0, 0, 0, 0, 1];
const WRITE_ONE = [0x2a, 0, 0, 0, 0, 0, 0, 0, 1];
const LIMITS = { connectionsPerSession: 3 };

interface Pair extends ServedTarget {
  readonly first: RawInitiator;
  readonly second: RawInitiator;
  readonly tsih: number;
  readonly join: (step: LoginStep, keys?: Keys) => Promise<RawInitiator>;
}

/** A session with two connections, CID 0 and 1; the next CmdSN is 2. */
async function pair(t: ExecutionContext): Promise<Pair> {
  const served = await serve(t, { limits: LIMITS });
  const first = await served.connect();
  const { tsih, keys } = await first.login({ ...INTRODUCTION, MaxConnections: "8", InitialR2T: "Yes" }, { cid: 0 });
  t.is(keys.MaxConnections, "3");
  first.command(TEST_UNIT_READY);
  await first.receive();
  const join = async (step: LoginStep, more: Keys = {}) => {
    const initiator = await served.connect();
    initiator.cmdSn = first.cmdSn;
    await initiator.login({ ...INTRODUCTION, ...more }, { tsih, ...step });
    return initiator;
  };
  return { ...served, first, second: await join({ cid: 1 }), tsih, join };
}

async function answered(initiator: RawInitiator): Promise<readonly [tag: number, status: number]> {
  const { header } = await initiator.receive();
  const status = Bhs.opcode.get(header, 0) === Opcode.SCSI_RESPONSE ? ScsiResponsePdu.status.get(header, 0) : -1;
  return [Bhs.initiatorTaskTag.get(header, 0), status];
}

async function logout(initiator: RawInitiator, reason: number, cid: number): Promise<number> {
  initiator.request(LogoutRequestPdu, Opcode.LOGOUT_REQUEST, { reason: reason | 0, cid });
  const { header } = await initiator.receive();
  return LogoutResponsePdu.response.get(header, 0);
}

test("a second connection joins its session, with the command numbers and the TSIH of the first", async (t) => {
  const { target, first, tsih, connect } = await pair(t);
  t.is(target.sessions().length, 1);
  const third = await connect();
  const answer = await third.login(INTRODUCTION, { tsih, cid: 2 });
  t.is(answer.tsih, tsih);
  t.is(LoginResponsePdu.expCmdSn.get(answer.header, 0), first.cmdSn);
  t.is(target.sessions().length, 1);
});

test("commands run in the order of their CmdSN, whatever connection brings them", async (t) => {
  const { device, first, second } = await pair(t);
  // The read with the later number comes first, and must see what the write before it has written.
  const read = second.command(READ_ONE, { readBytes: 512, cmdSn: 4, tag: 1004 });
  const early = second.command(TEST_UNIT_READY, { cmdSn: 3, tag: 1003 });
  device.bytes.fill(0);
  second.request(TaskManagementRequestPdu, Opcode.TASK_MANAGEMENT_REQUEST, { function: TaskFunction.TASK_REASSIGN });
  t.is(Bhs.opcode.get((await second.receive()).header, 0), Opcode.TASK_MANAGEMENT_RESPONSE);
  t.deepEqual(device.ios, []);
  first.command(WRITE_ONE, { writeBytes: 512, cmdSn: 2, tag: 1002 }, Buffer.alloc(512, 0x77));
  t.deepEqual(await answered(first), [1002, 0]);
  t.deepEqual(await answered(second), [early, 0]);
  const { header, data } = await second.receive();
  t.is(Bhs.initiatorTaskTag.get(header, 0), read);
  t.deepEqual(data, Buffer.alloc(512, 0x77));
  t.deepEqual(
    device.ios.map(({ kind }) => kind),
    ["write", "read"],
  );
});

test("a command number that came on both connections is carried out once", async (t) => {
  const { first, second } = await pair(t);
  second.command(TEST_UNIT_READY, { cmdSn: 3, tag: 1003 });
  second.command(TEST_UNIT_READY, { cmdSn: 3, tag: 2003 });
  first.command(TEST_UNIT_READY, { cmdSn: 2, tag: 1002 });
  t.deepEqual(await answered(second), [1003, 0]);
  first.command(TEST_UNIT_READY, { cmdSn: 3, tag: 3003 });
  first.command(TEST_UNIT_READY, { cmdSn: 4, tag: 1004 });
  t.deepEqual(await answered(first), [1002, 0]);
  t.deepEqual(await answered(first), [1004, 0]);
});

test("each connection counts its own StatSN", async (t) => {
  const { first, second } = await pair(t);
  const expected = second.expStatSn;
  first.command(TEST_UNIT_READY, { cmdSn: 2 });
  await first.receive();
  second.command(TEST_UNIT_READY, { cmdSn: 3, tag: 77 });
  const { header } = await second.receive();
  t.is(ScsiResponsePdu.statSn.get(header, 0), expected);
});

test("a task tag in use on one connection is rejected on the other", async (t) => {
  const { device, first, second } = await pair(t);
  device.holding = true;
  first.command(READ_ONE, { readBytes: 512, cmdSn: 2, tag: 500 });
  second.command(READ_ONE, { readBytes: 512, cmdSn: 3, tag: 500 });
  t.is(Bhs.opcode.get((await second.receive()).header, 0), Opcode.REJECT);
  device.release();
  t.is(Bhs.initiatorTaskTag.get((await first.receive()).header, 0), 500);
});

test("data on another connection than its command ends that connection, and the command goes on", async (t) => {
  const { first, second, target } = await pair(t);
  const tag = first.command(WRITE_ONE, { writeBytes: 512, cmdSn: 2, tag: 600 });
  const { header } = await first.receive();
  const data = { final: 1, initiatorTaskTag: tag, targetTransferTag: R2tPdu.targetTransferTag.get(header, 0) };
  second.send(DataOutPdu.encode({ opcode: Opcode.DATA_OUT, ...data }), Buffer.alloc(512));
  await second.ended();
  first.send(DataOutPdu.encode({ opcode: Opcode.DATA_OUT, ...data }), Buffer.alloc(512));
  t.deepEqual(await answered(first), [tag, 0]);
  t.is(target.sessions().length, 1);
});

test("a task is aborted from another connection than its own", async (t) => {
  const { device, first, second } = await pair(t);
  device.holding = true;
  first.command(READ_ONE, { readBytes: 512, cmdSn: 2, tag: 700 });
  first.request(TaskManagementRequestPdu, Opcode.TASK_MANAGEMENT_REQUEST, { function: TaskFunction.TASK_REASSIGN });
  await first.receive();
  const fields = { function: TaskFunction.ABORT_TASK, referencedTaskTag: 700, refCmdSn: 2, cmdSn: 3 };
  second.request(TaskManagementRequestPdu, Opcode.TASK_MANAGEMENT_REQUEST, fields);
  t.is(TaskManagementResponsePdu.response.get((await second.receive()).header, 0), 0);
  device.release();
});

test("aborting a command that has not come fills its gap", async (t) => {
  const { first, second } = await pair(t);
  second.command(TEST_UNIT_READY, { cmdSn: 3, tag: 800 });
  const fields = { function: TaskFunction.ABORT_TASK, referencedTaskTag: 799, refCmdSn: 2, cmdSn: 4 };
  first.request(TaskManagementRequestPdu, Opcode.TASK_MANAGEMENT_REQUEST, fields);
  t.is(TaskManagementResponsePdu.response.get((await first.receive()).header, 0), 0);
  t.deepEqual(await answered(second), [800, 0]);
});

test("a connection that is lost takes its own tasks along, and what came early on it may come again", async (t) => {
  const { device, first, second, target } = await pair(t);
  device.holding = true;
  first.command(READ_ONE, { readBytes: 512, cmdSn: 2, tag: 900 });
  second.command(READ_ONE, { readBytes: 512, cmdSn: 3, tag: 901 });
  second.command(TEST_UNIT_READY, { cmdSn: 5, tag: 902 });
  second.request(TaskManagementRequestPdu, Opcode.TASK_MANAGEMENT_REQUEST, { function: TaskFunction.TASK_REASSIGN });
  await second.receive();
  t.is(target.sessions()[0]?.queue, 2);
  t.is(await logout(first, 1, 1), 0);
  t.is(target.sessions()[0]?.queue, 1);
  device.release();
  t.is(Bhs.initiatorTaskTag.get((await first.receive()).header, 0), 900);
  first.command(TEST_UNIT_READY, { cmdSn: 4, tag: 903 });
  first.command(TEST_UNIT_READY, { cmdSn: 5, tag: 904 });
  t.deepEqual(await answered(first), [903, 0]);
  t.deepEqual(await answered(first), [904, 0]);
});

test("logout of the session ends all of its connections", async (t) => {
  const { first, second, target } = await pair(t);
  t.is(await logout(second, 0, 1), 0);
  await Promise.all([first.ended(), second.ended()]);
  t.deepEqual(target.sessions(), []);
});

test("logout of a connection, its own or another, leaves the session to the others", async (t) => {
  const { first, second, join, target } = await pair(t);
  const third = await join({ cid: 2 });
  t.is(await logout(first, 1, 9), 1);
  t.is(await logout(first, 1, 2), 0);
  await third.ended();
  t.is(await logout(first, 1, 0), 0);
  await first.ended();
  t.is(target.sessions().length, 1);
  second.command(TEST_UNIT_READY, { cmdSn: 2 });
  t.is((await answered(second))[1], 0);
  t.is(await logout(second, 2, 0), 2);
  t.is(await logout(second, 1, 1), 0);
  await second.ended();
  t.deepEqual(target.sessions(), []);
});

test("a login with the CID of a connection takes its place, after what that had under way has ended", async (t) => {
  const { device, first, second, join, target } = await pair(t);
  device.holding = true;
  second.command(READ_ONE, { readBytes: 512, cmdSn: 2, tag: 1 });
  second.request(TaskManagementRequestPdu, Opcode.TASK_MANAGEMENT_REQUEST, { function: TaskFunction.TASK_REASSIGN });
  await second.receive();
  const again = await join({ cid: 1 });
  await second.ended();
  device.release();
  again.command(TEST_UNIT_READY, { cmdSn: 3, tag: 1 });
  t.deepEqual(await answered(again), [1, 0]);
  first.command(TEST_UNIT_READY, { cmdSn: 4, tag: 2 });
  t.deepEqual(await answered(first), [2, 0]);
  t.is(target.sessions().length, 1);
});

test("the only connection of a session may be reinstated, too: no unit attention tells of a new one", async (t) => {
  const served = await serve(t);
  const first = await served.connect();
  const { tsih } = await first.login(INTRODUCTION, { cid: 5 });
  first.command(TEST_UNIT_READY);
  await first.receive();
  const again = await served.connect();
  again.cmdSn = first.cmdSn;
  await again.login(INTRODUCTION, { tsih, cid: 5 });
  await first.ended();
  again.command(TEST_UNIT_READY);
  t.is((await answered(again))[1], 0);
});

test("session reinstatement ends every connection of the old session", async (t) => {
  const { first, second, login, target } = await pair(t);
  t.is(await logout(first, 1, 0), 0);
  await first.ended();
  await login();
  await second.ended();
  t.is(target.sessions().length, 1);
});

for (const [what, status, step] of [
  ["more connections than were agreed on", 0x0206, { cid: 3 }],
  ["another ISID", 0x020a, { cid: 2, isid: 0x80_0000_0000_99 }],
] as const) {
  test(`a login to a session with ${what} is refused`, async (t) => {
    const { join, connect, tsih } = await pair(t);
    await join({ cid: 2 });
    const answer = await (await connect()).loginStep({ stage: 1, next: 3, tsih, ...step }, INTRODUCTION);
    t.is(answer.status, status);
  });
}

test("a stranger that knows a TSIH is told that there is no such session", async (t) => {
  const { connect, tsih } = await pair(t);
  const keys = { ...INTRODUCTION, InitiatorName: "iqn.2026-11.example:stranger" };
  t.is((await (await connect()).loginStep({ stage: 1, next: 3, tsih, cid: 2 }, keys)).status, 0x020a);
  const discovery = { InitiatorName: INTRODUCTION.InitiatorName ?? "", SessionType: "Discovery" };
  t.is((await (await connect()).loginStep({ stage: 1, next: 3, tsih, cid: 2 }, discovery)).status, 0x0200);
});

test("keys of the leading connection are refused on others; digests are each connection's own", async (t) => {
  const { connect, tsih, first } = await pair(t);
  const third = await connect();
  third.cmdSn = first.cmdSn;
  const offers = { HeaderDigest: "CRC32C", MaxBurstLength: "512", ErrorRecoveryLevel: "0" };
  const { keys } = await third.login({ ...INTRODUCTION, ...offers }, { tsih, cid: 2 });
  t.like(keys, { HeaderDigest: "CRC32C", MaxBurstLength: "Reject", ErrorRecoveryLevel: "Reject" });
  third.command(TEST_UNIT_READY, { cmdSn: 2, tag: 1 });
  first.command(TEST_UNIT_READY, { cmdSn: 3, tag: 2 });
  t.deepEqual(await answered(third), [1, 0]);
  t.deepEqual(await answered(first), [2, 0]);
});

test("by default a session has one connection", async (t) => {
  const { connect } = await serve(t);
  const first = await connect();
  const { tsih, keys } = await first.login({ ...INTRODUCTION, MaxConnections: "8" });
  t.is(keys.MaxConnections, "1");
  t.is((await (await connect()).loginStep({ stage: 1, next: 3, tsih, cid: 1 }, INTRODUCTION)).status, 0x0206);
  first.request(TaskManagementRequestPdu, Opcode.TASK_MANAGEMENT_REQUEST, { referencedTaskTag: NO_TAG, function: 8 });
  await t.notThrowsAsync(first.receive());
});
