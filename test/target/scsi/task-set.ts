import test from "ava";
import { Read10, TestUnitReady, Write10 } from "node-iscsi-target/scsi/cdb.ts";
import { TaskAttribute } from "node-iscsi-target/scsi/transport.ts";
import { anotherHost, cdbOf, rig, type ScsiHost, senseName } from "../../helpers/scsi-host.ts";

const { SIMPLE, ORDERED, HEAD_OF_QUEUE, ACA, UNTAGGED } = TaskAttribute;
const READ = (lba: number) => cdbOf(Read10, { lba, blocks: 1 });

/** Starts reads of blocks 0, 1, 2… with these attributes. */
function startReads(host: ScsiHost, attributes: readonly TaskAttribute[]) {
  return attributes.map((attribute, lba) => host.start(READ(lba), undefined, { attribute }));
}

test("SIMPLE commands reach the device together", async (t) => {
  const { host, device, unit } = await rig();
  device.holding = true;
  const sent = startReads(host, [SIMPLE, UNTAGGED, SIMPLE]);
  t.is(device.heldCount, 3);
  t.is(unit.tasks.size, 3);
  device.release();
  for (const { answer } of sent) t.is(senseName(await answer), "GOOD");
  t.is(unit.tasks.size, 0);
});

test("an ORDERED command waits for all older ones, and holds all newer ones back", async (t) => {
  const { host, device } = await rig();
  device.holding = true;
  const sent = startReads(host, [SIMPLE, ORDERED, SIMPLE, SIMPLE]);
  const reads = () => device.ios.map(({ offset }) => offset / 512);
  t.deepEqual(reads(), [0]);
  device.release();
  await sent[0]?.answer;
  device.holding = true;
  for (const { answer } of sent) t.is(senseName(await answer), "GOOD");
  t.deepEqual(reads(), [0, 1, 2, 3]);
});

test("two ORDERED commands run one after the other", async (t) => {
  const { host, device } = await rig();
  device.holding = true;
  const [first, second] = startReads(host, [ORDERED, ORDERED]);
  t.is(device.ios.length, 1);
  device.release();
  t.is(senseName((await first?.answer) ?? { kind: "aborted", reportStatus: false }), "GOOD");
  t.is(senseName((await second?.answer) ?? { kind: "aborted", reportStatus: false }), "GOOD");
  t.is(device.ios.length, 2);
});

test("a HEAD OF QUEUE command overtakes an ORDERED one that waits", async (t) => {
  const { host, device } = await rig();
  device.holding = true;
  const sent = startReads(host, [SIMPLE, ORDERED, HEAD_OF_QUEUE]);
  t.deepEqual(
    device.ios.map(({ offset }) => offset / 512),
    [0, 2],
  );
  device.release();
  for (const { answer } of sent) t.is(senseName(await answer), "GOOD");
  t.deepEqual(
    device.ios.map(({ offset }) => offset / 512),
    [0, 2, 1],
  );
});

test("SIMPLE commands wait for a HEAD OF QUEUE command", async (t) => {
  const { host, device } = await rig();
  device.holding = true;
  const sent = startReads(host, [HEAD_OF_QUEUE, SIMPLE]);
  t.is(device.ios.length, 1);
  device.release();
  for (const { answer } of sent) t.is(senseName(await answer), "GOOD");
});

test("a WRITE takes its place in the order when it comes, not when its data is there", async (t) => {
  const { host, device, server } = await rig();
  const write = host.task(cdbOf(Write10, { lba: 0, blocks: 1 }));
  t.is(server.admit(write).kind, "accepted");
  const ordered = host.start(READ(0), undefined, { attribute: ORDERED });
  t.is(device.ios.length, 0);
  t.is(senseName(await server.execute(write, [Buffer.alloc(512, "w")])), "GOOD");
  const result = await ordered.answer;
  t.is(result.kind === "done" && result.dataIn?.[0], "w".charCodeAt(0));
});

test("a WRITE whose data never comes lets the others go on", async (t) => {
  const { host, server, unit } = await rig();
  const write = host.task(cdbOf(Write10, { lba: 0, blocks: 1 }));
  server.admit(write);
  const ordered = host.start(READ(0), undefined, { attribute: ORDERED });
  server.abandon(write);
  t.is(senseName(await ordered.answer), "GOOD");
  t.is(unit.tasks.size, 0);
  server.abandon(write);
});

test("commands of all nexuses are in one order", async (t) => {
  const { host, device, server } = await rig();
  const other = await anotherHost(server);
  device.holding = true;
  const first = host.start(READ(0));
  const ordered = other.start(READ(1), undefined, { attribute: ORDERED });
  t.is(device.ios.length, 1);
  device.release();
  t.is(senseName(await first.answer), "GOOD");
  t.is(senseName(await ordered.answer), "GOOD");
});

test("the ACA attribute is refused, since nothing here begins an ACA", async (t) => {
  const { host } = await rig();
  const result = await host.send(cdbOf(TestUnitReady), undefined, { attribute: ACA });
  t.is(senseName(result), "INVALID_MESSAGE_ERROR");
});

test("a task set that is full says TASK SET FULL and goes on when it has emptied", async (t) => {
  const { host, device } = await rig();
  device.holding = true;
  const sent = Array.from({ length: 4096 }, () => host.start(READ(0)));
  t.is(senseName(await host.send(cdbOf(TestUnitReady))), "status 40");
  device.release();
  await Promise.all(sent.map(({ answer }) => answer));
  t.is(senseName(await host.send(cdbOf(TestUnitReady))), "GOOD");
});

test("thousands of commands behind an ORDERED one all run when it ends, in the order that they came where it matters", async (t) => {
  const { host, device, unit } = await rig();
  device.holding = true;
  const sent = [host.start(READ(0))];
  for (let i = 1; i < 3000; i++) {
    sent.push(host.start(READ(i % 100), undefined, { attribute: i % 3 === 0 ? ORDERED : SIMPLE }));
  }
  t.is(device.ios.length, 3);
  device.release();
  for (const { answer } of sent) t.is(senseName(await answer), "GOOD");
  t.is(unit.tasks.size, 0);
  t.deepEqual(
    device.ios.map(({ offset }) => offset / 512),
    sent.map((_, i) => i % 100),
  );
});
