import test from "ava";
import {
  ModeSelect10,
  PreventAllowMediumRemoval,
  Read10,
  StartStopUnit,
  SynchronizeCache10,
  TestUnitReady,
  Write10,
} from "node-iscsi-target/scsi/cdb.ts";
import { ControlPage } from "node-iscsi-target/scsi/mode/layouts.ts";
import { modePageData, modePages, PageControl } from "node-iscsi-target/scsi/mode/pages.ts";
import { Status, TaskAttribute } from "node-iscsi-target/scsi/transport.ts";
import { anotherHost, cdbOf, type Rig, rig, senseName } from "../../helpers/scsi-host.ts";

const READ = cdbOf(Read10, { blocks: 1 });
const WRITE = cdbOf(Write10, { blocks: 1 });
const DATA = Buffer.alloc(512, "w");

/** Whether a promise has settled by now; everything that can run without I/O has run. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol();
  await new Promise(setImmediate);
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

async function setTaskAborted({ host, unit }: Rig): Promise<void> {
  const page = modePages.find(({ code }) => code === 0x0a);
  if (!page) throw new Error("There is no Control mode page.");
  const data = modePageData(page, PageControl.CURRENT, unit.mode);
  ControlPage.taskAbortedStatus.set(data, 0, 1);
  const list = Buffer.concat([Buffer.alloc(8), data]);
  const result = await host.send(cdbOf(ModeSelect10, { pageFormat: 1, listBytes: list.length }), list);
  if (result.status !== Status.GOOD) throw new Error(senseName(result));
}

test("ABORT TASK ends a held WRITE without trace", async (t) => {
  const { host, device, server, unit } = await rig();
  device.holding = true;
  const { task, answer } = host.start(WRITE, DATA);
  await server.abortTask(task);
  t.deepEqual(await answer, { kind: "aborted", reportStatus: false });
  t.is(unit.tasks.size, 0);
  device.release();
  t.is(device.bytes[0], 0);
  t.is(senseName(await host.send(WRITE, DATA)), "GOOD");
});

test("ABORT TASK of a WRITE at its system call waits until it has ended", async (t) => {
  const { host, device, server } = await rig();
  device.holding = true;
  device.deaf = true;
  const { task, answer } = host.start(WRITE, DATA);
  const aborted = server.abortTask(task);
  const again = server.abortTask(task);
  t.false(await settled(aborted));
  t.false(await settled(again));
  device.release();
  await Promise.all([aborted, again]);
  t.is((await answer).kind, "aborted");
});

test("ABORT TASK of a finished task is done at once", async (t) => {
  const { host, server } = await rig();
  const { task, answer } = host.start(READ);
  t.is(senseName(await answer), "GOOD");
  await server.abortTask(task);
  await t.notThrowsAsync(server.abortTask(host.task(READ)));
});

test("ABORT TASK of a WRITE that waits for data: its data is thrown away when it comes", async (t) => {
  const { host, device, server } = await rig();
  const task = host.task(WRITE);
  server.admit(task);
  await server.abortTask(task);
  t.deepEqual(await server.execute(task, [DATA]), { kind: "aborted", reportStatus: false });
  t.deepEqual(device.ios, []);
});

test("ABORT TASK of a command that waits for its turn: it never runs, and the next one does", async (t) => {
  const { host, device, server } = await rig();
  device.holding = true;
  const running = host.start(READ);
  const ordered = host.start(WRITE, DATA, { attribute: TaskAttribute.ORDERED });
  const behind = host.start(READ);
  t.is(device.ios.length, 1);
  await server.abortTask(ordered.task);
  t.is((await ordered.answer).kind, "aborted");
  t.is(device.ios.length, 2);
  device.release();
  t.is(senseName(await running.answer), "GOOD");
  t.is(senseName(await behind.answer), "GOOD");
  t.false(device.ios.some(({ kind }) => kind === "write"));
});

test("ABORT TASK SET ends the tasks of its own nexus and leaves those of others alone", async (t) => {
  const { host, device, server } = await rig();
  const other = await anotherHost(server);
  device.holding = true;
  const mine = [host.start(READ), host.start(WRITE, DATA), host.start(cdbOf(SynchronizeCache10))];
  const theirs = other.start(READ);
  t.is(await server.abortTaskSet(host.nexus, 0), "complete");
  for (const { answer } of mine) t.is((await answer).kind, "aborted");
  device.release();
  t.is(senseName(await theirs.answer), "GOOD");
  t.deepEqual(await other.attentions(), []);
});

test("CLEAR TASK SET ends the tasks of all nexuses; without TAS the others learn it by unit attention", async (t) => {
  const { host, device, server } = await rig();
  const [other, idle] = [await anotherHost(server), await anotherHost(server)];
  device.holding = true;
  const mine = host.start(READ);
  const theirs = [other.start(READ), other.start(WRITE, DATA)];
  t.is(await server.clearTaskSet(host.nexus, 0), "complete");
  t.deepEqual(await mine.answer, { kind: "aborted", reportStatus: false });
  for (const { answer } of theirs) t.deepEqual(await answer, { kind: "aborted", reportStatus: false });
  device.release();
  t.deepEqual(await other.attentions(), ["06/2f/00"]);
  t.deepEqual(await idle.attentions(), []);
  t.deepEqual(await host.attentions(), []);
});

test("CLEAR TASK SET with TAS: the others get TASK ABORTED for each command instead", async (t) => {
  const all = await rig();
  const { host, device, server } = all;
  await setTaskAborted(all);
  const other = await anotherHost(server);
  device.holding = true;
  const theirs = [other.start(READ), other.start(WRITE, DATA)];
  const mine = host.start(READ);
  t.is(await server.clearTaskSet(host.nexus, 0), "complete");
  for (const { answer } of theirs) t.deepEqual(await answer, { kind: "aborted", reportStatus: true });
  t.deepEqual(await mine.answer, { kind: "aborted", reportStatus: false });
  device.release();
  t.deepEqual(await other.attentions(), []);
});

test("CLEAR TASK SET starts nothing that waited behind what it ends", async (t) => {
  const { host, device, server } = await rig();
  device.holding = true;
  const sent = [
    host.start(READ),
    host.start(WRITE, DATA, { attribute: TaskAttribute.ORDERED }),
    host.start(WRITE, DATA, { attribute: TaskAttribute.ORDERED }),
  ];
  await server.clearTaskSet(host.nexus, 0);
  for (const { answer } of sent) t.is((await answer).kind, "aborted");
  t.deepEqual(
    device.ios.map(({ kind }) => kind),
    ["read"],
  );
});

test("CLEAR TASK SET does not start what it is about to end, though what that waited for ends first", async (t) => {
  const { host, device, server } = await rig();
  const waitsForData = host.task(WRITE);
  server.admit(waitsForData);
  const ordered = host.start(READ, undefined, { attribute: TaskAttribute.ORDERED });
  await server.clearTaskSet(host.nexus, 0);
  t.is((await ordered.answer).kind, "aborted");
  t.deepEqual(device.ios, []);
});

test("LOGICAL UNIT RESET ends all tasks, restores the mode parameters and tells every host", async (t) => {
  const all = await rig();
  const { host, device, server, unit } = all;
  const other = await anotherHost(server);
  await setTaskAborted(all);
  await other.attentions();
  device.holding = true;
  const [mine, theirs] = [host.start(READ), other.start(READ)];
  t.is(await server.logicalUnitReset(host.nexus, 0), "complete");
  t.deepEqual(await mine.answer, { kind: "aborted", reportStatus: false });
  t.deepEqual(await theirs.answer, { kind: "aborted", reportStatus: true });
  t.false(unit.mode.taskAbortedStatus);
  t.deepEqual(await host.attentions(), ["06/29/03"]);
  t.deepEqual(await other.attentions(), ["06/29/03"]);
});

test("LOGICAL UNIT RESET ends what PREVENT ALLOW MEDIUM REMOVAL prevented", async (t) => {
  const { host, server } = await rig({ removable: true });
  const eject = cdbOf(StartStopUnit, { loadEject: 1 });
  await host.send(cdbOf(PreventAllowMediumRemoval, { prevent: 1 }));
  t.is(senseName(await host.send(eject)), "MEDIUM_REMOVAL_PREVENTED");
  await server.logicalUnitReset(host.nexus, 0);
  await host.attentions();
  t.is(senseName(await host.send(eject)), "GOOD");
});

test("LOGICAL UNIT RESET is not done before a write at its system call has ended", async (t) => {
  const { host, device, server } = await rig();
  device.holding = true;
  device.deaf = true;
  const { answer } = host.start(WRITE, DATA);
  const reset = server.logicalUnitReset(host.nexus, 0);
  t.false(await settled(reset));
  device.release();
  t.is(await reset, "complete");
  t.is((await answer).kind, "aborted");
});

test("TARGET RESET resets every unit that the nexus sees", async (t) => {
  const { host, device, server } = await rig();
  device.holding = true;
  const { answer } = host.start(READ);
  t.is(await server.targetReset(host.nexus), "complete");
  t.is((await answer).kind, "aborted");
  t.deepEqual(await host.attentions(), ["06/29/03"]);
});

test("task management on a LUN that is not there says so", async (t) => {
  const { host, server } = await rig();
  const lun = 5n << 48n;
  t.is(await server.abortTaskSet(host.nexus, lun), "no-such-lun");
  t.is(await server.clearTaskSet(host.nexus, lun), "no-such-lun");
  t.is(await server.logicalUnitReset(host.nexus, 0xffff_ffff_ffff_ffffn), "no-such-lun");
});

test("the end of a nexus ends its tasks and waits for them, and no others", async (t) => {
  const { host, device, server } = await rig();
  const other = await anotherHost(server);
  device.holding = true;
  device.deaf = true;
  const mine = host.start(WRITE, DATA);
  const theirs = other.start(READ);
  const ended = server.nexusEnds(host.nexus);
  t.false(await settled(ended));
  device.release();
  await ended;
  t.is((await mine.answer).kind, "aborted");
  t.is(senseName(await theirs.answer), "GOOD");
  t.throws(() => server.admit(host.task(cdbOf(TestUnitReady))), { message: /has not begun or has ended/ });
});

test("a unit that is retired fails its commands and waits for them", async (t) => {
  const { host, device, unit, server } = await rig();
  device.holding = true;
  const held = host.start(READ);
  const waiting = host.task(WRITE);
  server.admit(waiting);
  await unit.retire();
  t.is(senseName(await held.answer), "LOGICAL_UNIT_NOT_SUPPORTED");
  t.is(senseName(await server.execute(waiting, [DATA])), "LOGICAL_UNIT_NOT_SUPPORTED");
  t.is(device.onChange, undefined);
});
