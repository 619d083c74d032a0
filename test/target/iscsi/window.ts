/** Command order and the window (RFC 7143 4.2.2.1). */
import test from "ava";
import { Opcode } from "node-iscsi-target/iscsi/opcodes.ts";
import { Bhs, ScsiResponsePdu } from "node-iscsi-target/iscsi/pdus.ts";
import { serve } from "../../helpers/served-target.ts";

const READ_ONE = [0x28, 0, 0, 0, 0, 0, 0, 0, 1] as const;
const TASKS = 4;

test("the window says how many commands may come, is closed while they are under way, and never goes back", async (t) => {
  const { device, login } = await serve(t, { limits: { tasksPerSession: TASKS } });
  const initiator = await login();
  device.holding = true;
  const tags = Array.from({ length: TASKS }, () => initiator.command([...READ_ONE], { readBytes: 512 }));
  const immediate = initiator.command([...READ_ONE], { readBytes: 512, immediate: true });
  // Beyond the window: not carried out, and not answered.
  const dropped = initiator.command([...READ_ONE], { readBytes: 512, cmdSn: initiator.cmdSn });
  device.release();
  let last = 0;
  const answered: number[] = [];
  for (let count = 0; count < TASKS + 1; count += 1) {
    const { header } = await initiator.receive();
    answered.push(Bhs.initiatorTaskTag.get(header, 0));
    const maxCmdSn = ScsiResponsePdu.maxCmdSn.get(header, 0);
    t.true(maxCmdSn >= last);
    last = maxCmdSn;
  }
  t.deepEqual(answered.toSorted(), [...tags, immediate].toSorted());
  t.false(answered.includes(dropped));
  t.is(last, initiator.cmdSn + TASKS - 1);
});

test("a command that the window had promised is carried out, though immediate ones came in between", async (t) => {
  const { device, login } = await serve(t, { limits: { tasksPerSession: 2 } });
  const initiator = await login();
  device.holding = true;
  const immediate = [1, 2].map(() => initiator.command([...READ_ONE], { readBytes: 512, immediate: true }));
  const promised = initiator.command([...READ_ONE], { readBytes: 512 });
  device.release();
  const answered: number[] = [];
  for (let count = 0; count < 3; count += 1)
    answered.push(Bhs.initiatorTaskTag.get((await initiator.receive()).header, 0));
  t.deepEqual(answered.toSorted(), [...immediate, promised].toSorted());
});

test("immediate commands beyond twice the window are rejected", async (t) => {
  const { device, login } = await serve(t, { limits: { tasksPerSession: 2 } });
  const initiator = await login();
  device.holding = true;
  for (let count = 0; count < 5; count += 1) initiator.command([...READ_ONE], { readBytes: 512, immediate: true });
  const { header } = await initiator.receive();
  t.is(Bhs.opcode.get(header, 0), Opcode.REJECT);
  t.is(header[2], 0x06);
});

test("a command out of turn is not carried out", async (t) => {
  const { login } = await serve(t);
  const initiator = await login();
  initiator.command([0], { cmdSn: initiator.cmdSn + 1 });
  initiator.command([0], { cmdSn: initiator.cmdSn - 1 });
  const inTurn = initiator.command([0]);
  t.is(Bhs.initiatorTaskTag.get((await initiator.receive()).header, 0), inTurn);
});
