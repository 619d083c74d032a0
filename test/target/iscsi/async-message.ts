/** What the target says unasked (RFC 7143 11.9), and to whom. */
import test, { type ExecutionContext } from "ava";
import { NO_TAG, Opcode } from "node-iscsi-target/iscsi/opcodes.ts";
import {
  AsyncMessagePdu,
  Bhs,
  LogoutRequestPdu,
  NopOutPdu,
  ScsiCommandPdu,
  ScsiResponsePdu,
} from "node-iscsi-target/iscsi/pdus.ts";
import type { RawInitiator } from "../../helpers/raw-initiator.ts";
import { HOST, type ServedTarget, serve } from "../../helpers/served-target.ts";

/** Shows that it knows NOP-Out, and with that asynchronous messages. */
async function ping(initiator: RawInitiator): Promise<void> {
  initiator.request(NopOutPdu, Opcode.NOP_OUT, { final: 1, targetTransferTag: NO_TAG });
  await initiator.receive();
}

async function message(t: ExecutionContext, initiator: RawInitiator) {
  const expected = initiator.expStatSn;
  const { header, data } = await initiator.receive();
  t.is(Bhs.opcode.get(header, 0), Opcode.ASYNC_MESSAGE);
  t.is(Bhs.initiatorTaskTag.get(header, 0), NO_TAG);
  // It takes a StatSN of its own.
  t.is(AsyncMessagePdu.statSn.get(header, 0), expected);
  const { asyncEvent, parameter1, parameter2, parameter3 } = AsyncMessagePdu.decode(header);
  return { event: asyncEvent, parameters: [parameter1, parameter2, parameter3], data };
}

async function changeLuns({ target }: ServedTarget): Promise<void> {
  for (const nexus of target.nexuses(HOST)) await target.inventoryChanged(nexus);
}

test("a target that closes asks for a logout, and is done as soon as that has come", async (t) => {
  const { target, login } = await serve(t, { limits: { logoutTimeMs: 60_000 } });
  const initiator = await login();
  await ping(initiator);
  const closing = target.close();
  t.deepEqual((await message(t, initiator)).parameters, [0, 0, 60]);
  initiator.request(LogoutRequestPdu, Opcode.LOGOUT_REQUEST, { final: 1, reason: 0 });
  t.is(Bhs.opcode.get((await initiator.receive()).header, 0), Opcode.LOGOUT_RESPONSE);
  await closing;
  t.deepEqual(target.sessions(), []);
});

test("commands that came before the request to log out are still answered", async (t) => {
  const { target, device, login } = await serve(t, { limits: { logoutTimeMs: 60_000 } });
  const initiator = await login();
  await ping(initiator);
  device.holding = true;
  const tag = initiator.command([0x28, 0, 0, 0, 0, 0, 0, 0, 1], { readBytes: 512 });
  const closing = target.close();
  t.is((await message(t, initiator)).event, 1);
  device.release();
  t.is(ScsiCommandPdu.initiatorTaskTag.get((await initiator.receive()).header, 0), tag);
  initiator.request(LogoutRequestPdu, Opcode.LOGOUT_REQUEST, { final: 1, reason: 0 });
  await closing;
});

test("who does not log out in time is told that the connection is dropped, and then it is", async (t) => {
  const { target, login } = await serve(t, { limits: { logoutTimeMs: 50 } });
  const initiator = await login({}, { cid: 7 });
  await ping(initiator);
  const closing = target.close();
  t.deepEqual(await message(t, initiator), { event: 1, parameters: [0, 0, 1], data: Buffer.alloc(0) });
  t.deepEqual(await message(t, initiator), { event: 2, parameters: [7, 0, 0], data: Buffer.alloc(0) });
  await initiator.ended();
  await closing;
});

test("an initiator that never pinged is told nothing, and not waited for", async (t) => {
  const served = await serve(t, { limits: { logoutTimeMs: 60_000 } });
  const initiator = await served.login();
  await changeLuns(served);
  await served.target.close();
  await t.throwsAsync(initiator.receive(), { message: /ended the connection/ });
});

test("a change of the LUNs is told at once, with the sense that the next command gets as well", async (t) => {
  const served = await serve(t);
  const initiator = await served.login();
  await ping(initiator);
  await changeLuns(served);
  const { event, data } = await message(t, initiator);
  t.is(event, 0);
  t.is(data.readUInt16BE(0), data.length - 2);
  const sense = data.subarray(2);
  t.deepEqual([sense[0], sense[2], sense[12], sense[13]], [0x70, 0x06, 0x3f, 0x0e]);

  initiator.command([0]);
  const answer = await initiator.receive();
  t.is(ScsiResponsePdu.status.get(answer.header, 0), 0x02);
  t.deepEqual([answer.data[4], answer.data[14], answer.data[15]], [0x06, 0x3f, 0x0e]);
});

test("a session hears nothing of changes that another one sees", async (t) => {
  const served = await serve(t);
  const initiator = await served.login();
  const other = await served.login({ InitiatorName: "iqn.2026-11.example:other" });
  await ping(initiator);
  await ping(other);
  await changeLuns(served);
  t.is((await message(t, initiator)).event, 0);
  other.command([0]);
  t.is(ScsiResponsePdu.status.get((await other.receive()).header, 0), 0);
});
