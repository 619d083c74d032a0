/**
 * Durability, shown by what the processes ask of the kernel: kills lose no page cache, so that they
 * cannot tell a sync that was done from one that was left out.
 */
import test from "ava";
import { execa } from "execa";
import { labOf, type TestLab, testLab } from "../helpers/lab.ts";
import { imageOptions } from "../helpers/qemu-io.ts";
import { type SystemCall, traceCalls } from "../helpers/system-calls.ts";

const IQN = "iqn.2026-11.example:outside";
const CALLS = ["read", "write", "writev", "pwrite64", "pwritev", "pwritev2", "fallocate", "fdatasync", "fsync"];
const SCSI_COMMAND = 0x01;
const SCSI_RESPONSE = 0x21;
const SYNCHRONIZE_CACHE = 0x35;
const WRITE_10 = 0x2a;

test("FLUSH is answered after a sync that began when every write before it had ended", async (t) => {
  const lab = await testLab(t);
  await lab.up(labOf({}));
  await qemuIo(lab, "write 0 1M");
  const agent = (await lab.agents())[0]?.pid as number;
  const calls = await traceCalls(t, agent, CALLS, lab.directory, () =>
    qemuIo(lab, "write 0 4k", "write 512k 4k", "flush"),
  );

  const flush = command(calls, SYNCHRONIZE_CACHE);
  const sync = calls.find((call) => isSync(call) && onImage(call) && call.began > flush.asked.ended);
  t.truthy(sync, "the image is synced after FLUSH has come");
  t.is(sync?.result, 0);
  t.true((sync as SystemCall).ended < flush.answered.began, "and before it is answered");
  const writes = calls.filter((call) => /^p?write/.test(call.name) && onImage(call));
  t.true(writes.length >= 2, "the trace shows the writes");
  t.true(writes.every((write) => write.ended < (sync as SystemCall).began));
});

test("a write with FUA is answered after it has reached the medium", async (t) => {
  const lab = await testLab(t);
  await lab.up(labOf({}));
  await qemuIo(lab, "write 0 1M");
  const agent = (await lab.agents())[0]?.pid as number;
  const calls = await traceCalls(t, agent, CALLS, lab.directory, () => qemuIo(lab, "write -f 0 4k"));

  const write = command(calls, WRITE_10);
  t.true(((write.asked.bytes[33] as number) & 0x08) !== 0, "QEMU set FUA");
  const durable = calls.find(
    (call) =>
      call.began > write.asked.ended &&
      onImage(call) &&
      (isSync(call) || (call.name === "pwritev2" && call.text.includes("RWF_DSYNC"))),
  );
  t.truthy(durable, "what was written is synced");
  t.true((durable as SystemCall).ended < write.answered.began);
});

test("a segment is granted after the commit that maps it has been synced", async (t) => {
  const lab = await testLab(t);
  await lab.up(labOf({}));
  await qemuIo(lab, "write 0 4k");
  const controller = await controllerOf(lab);
  const calls = await traceCalls(t, controller, CALLS, lab.directory, () => qemuIo(lab, "write 20M 4k"));

  const granted = calls.find((call) => isSend(call) && says(call, '"type":"set_entry"'));
  t.truthy(granted, "the agent is told where the segment lies");
  const sync = calls
    .filter((call) => isSync(call) && onStore(call) && call.ended < (granted as SystemCall).began)
    .at(-1);
  t.truthy(sync, "the store is synced before");
  t.is(sync?.result, 0);
  const commit = calls.filter(
    (call) => /^p?write/.test(call.name) && onStore(call) && call.began < (granted as SystemCall).began,
  );
  t.true(commit.length > 0, "the trace shows the commit");
  t.true(commit.every((write) => write.ended < (sync as SystemCall).began));
});

test("a segment that UNMAP gives back is free only after its zeros are on the medium", async (t) => {
  const lab = await testLab(t);
  await lab.up(labOf({}));
  await qemuIo(lab, "write 20M 1M");
  const controller = await controllerOf(lab);
  const calls = await traceCalls(t, controller, CALLS, lab.directory, () => qemuIo(lab, "discard 20M 1M"));

  const punched = calls.find((call) => call.name === "fallocate" && /PUNCH_HOLE/.test(call.text) && onImage(call));
  t.truthy(punched, "the segment is punched out of the image");
  const { began, ended } = punched as SystemCall;
  const unmapped = calls.find((call) => isSync(call) && onStore(call) && call.ended < began);
  t.truthy(unmapped, "no table names it any more, durably, before it is punched out");
  const zeroed = calls.find((call) => isSync(call) && onImage(call) && call.began > ended);
  t.is(zeroed?.result, 0, "the hole is synced");
  const freed = calls.find((call) => isWrite(call) && onStore(call) && call.began > ended);
  t.true((freed as SystemCall).began > (zeroed as SystemCall).ended, "its record goes after that");
});

async function qemuIo(lab: TestLab, ...commands: readonly string[]): Promise<void> {
  const image = imageOptions(await lab.url("data", "a"), IQN);
  await execa("qemu-io", ["--image-opts", image, ...commands.flatMap((command) => ["-c", command])], {
    stdin: "ignore",
  });
}

async function controllerOf(lab: TestLab): Promise<number> {
  const { processes } = await lab.json<{ processes: readonly { name: string; pid: number }[] }>("status");
  const controller = processes.find(({ name }) => name === "controller");
  if (controller === undefined) throw new Error(`no controller among ${processes.map(({ name }) => name).join(", ")}`);
  return controller.pid;
}

/** The last SCSI command with this operation code that the agent received, and its response. */
function command(calls: readonly SystemCall[], operation: number): { asked: SystemCall; answered: SystemCall } {
  const asked = calls.findLast(
    ({ name, bytes }) => name === "read" && ((bytes[0] ?? 0) & 0x3f) === SCSI_COMMAND && bytes[32] === operation,
  );
  const tag = asked?.bytes.subarray(16, 20);
  const answered = calls.find(
    (call) => isSend(call) && call.bytes[0] === SCSI_RESPONSE && tag?.equals(call.bytes.subarray(16, 20)),
  );
  if (asked === undefined || answered === undefined)
    throw new Error(`the trace shows no answered 0x${operation.toString(16)}`);
  return { asked, answered };
}

const isSync = ({ name }: SystemCall) => name === "fdatasync" || name === "fsync";
const isWrite = ({ name }: SystemCall) => /^p?write/.test(name);
const isSend = (call: SystemCall) => isWrite(call) && call.text.includes("TCP");
const says = ({ bytes }: SystemCall, what: string) => bytes.includes(what);
/** Paths in a trace are in hex too. */
const on = (ending: string) => {
  const hex = [...Buffer.from(ending)].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
  return ({ text }: SystemCall) =>
    text.split(",", 1)[0]?.includes(hex) === true || text.split(",", 1)[0]?.includes(ending) === true;
};
const onImage = on("main-0.img");
const onStore = on("-wal");
