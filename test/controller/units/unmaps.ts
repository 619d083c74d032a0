/** UNMAP against COMPARE AND WRITE on another path, and against being alone with a disk: which comes first (docs/protocol.md, Distributed SCSI semantics). */
import { putZone } from "@sanlab/controller/access.ts";
import test from "ava";
import * as cdbs from "node-iscsi-target/scsi/cdb.ts";
import { compared, firstByte, pair, swap, swaps, writes } from "../../helpers/compare-and-write.ts";
import { CoreLab, DRAIN_LIMIT_MS, turns } from "../../helpers/core-lab.ts";
import { cdbOf, type ScsiHost, senseName } from "../../helpers/scsi-host.ts";

const UNMAP_LIST = Buffer.from(`00160010000000000000000000000000${"00000800"}00000000`, "hex");
const startUnmap = (host: ScsiHost) => host.start(cdbOf(cdbs.Unmap, { listBytes: UNMAP_LIST.length }), UNMAP_LIST);

/** The controller is at something else in the turn of the disk's family, until that is released. */
function occupy(lab: CoreLab): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const family of lab.controller.families.all()) void family.run(() => promise);
  return resolve;
}

test("UNMAP on the other path waits as well", async (t) => {
  const { lab, a, b } = await pair(t);
  const { sent, device } = await compared(lab, a, 2);
  const unmap = startUnmap(b);
  await turns();
  device.release();
  t.is(senseName(await sent.answer), "GOOD");
  t.is(senseName(await unmap.answer), "GOOD");
  t.is(await firstByte(a), 0);
});

test("UNMAP that the controller is long about keeps nobody from holding: it comes before, and costs no agent its life", async (t) => {
  const { lab, a, b } = await pair(t);
  const release = occupy(lab);
  const unmap = startUnmap(b);
  await turns();
  const sent = a.start(...swap(1, 2));
  await lab.pass(3 * DRAIN_LIMIT_MS);
  t.deepEqual([lab.agent("a").isDead, lab.agent("b").isDead], [false, false]);
  release();
  t.is(senseName(await unmap.answer), "GOOD");
  t.is(senseName(await sent.answer), "MISCOMPARE_DURING_VERIFY", "it has compared what the unmap has left");
  t.is(await firstByte(b), 0);
});

/** An UNMAP through agent b that comes to the controller while agent a has the segment to itself. */
async function lateUnmap(lab: CoreLab, a: ScsiHost, b: ScsiHost) {
  const agent = lab.agent("b");
  agent.passes = ({ type }) => type !== "unmap";
  const unmap = startUnmap(b);
  await turns();
  const swapping = await compared(lab, a, 2);
  agent.passes = () => true;
  agent.disconnect();
  agent.connect(lab.controller);
  await lab.pass(3 * DRAIN_LIMIT_MS);
  return { ...swapping, unmap };
}

test("UNMAP that comes to the controller too late is carried out afterwards, once", async (t) => {
  const { lab, a, b } = await pair(t);
  const { sent, device, unmap } = await lateUnmap(lab, a, b);
  t.false(lab.agent("b").isDead);
  device.release();
  t.is(senseName(await sent.answer), "GOOD");
  t.is(senseName(await unmap.answer), "GOOD");
  t.is(await firstByte(a), 0, "in between it would have left what was written");
  t.is(await writes(b, 5), "GOOD");
  await lab.pass(DRAIN_LIMIT_MS);
  t.is(await firstByte(a), 5);
});

test("UNMAP that waits for that may be aborted at once, and nothing comes of it any more", async (t) => {
  const { lab, a, b } = await pair(t);
  const { sent, device, unmap } = await lateUnmap(lab, a, b);
  await lab.agent("b").server.abortTask(unmap.task);
  device.release();
  t.is(senseName(await sent.answer), "GOOD");
  await lab.pass(DRAIN_LIMIT_MS);
  t.is(await firstByte(a), 2);
});

test("an agent is not told that it is alone while the controller is at an UNMAP of one that was not yet", async (t) => {
  const { lab, a, b } = await pair(t);
  const release = occupy(lab);
  startUnmap(b);
  await turns();
  await putZone(lab.controller, { name: "all", hosts: ["one", "two"], agents: ["a"], disks: ["data"] }, false);
  await lab.pass(200);
  const sent = a.start(...swap(1, 2));
  await lab.pass(200);
  release();
  t.is(senseName(await sent.answer), "MISCOMPARE_DURING_VERIFY", "it came after it");
  const before = lab.agent("a").core.sent.messages;
  t.is(await swaps(a, 1, 2), "MISCOMPARE_DURING_VERIFY");
  t.is(lab.agent("a").core.sent.messages, before, "now it is");
});

test("an agent that has got a disk anew is not told that it is alone while the controller is at an UNMAP that it had asked for before", async (t) => {
  const lab = await CoreLab.start(t, ["a"]);
  const zone = { name: "all", hosts: ["one", "two"], agents: ["a", "b"], disks: ["data"] };
  const before = lab.agent("a").host("one");
  await before.attentions();
  await writes(before, 1);
  const release = occupy(lab);
  startUnmap(before);
  await turns();
  await putZone(lab.controller, { ...zone, disks: [] }, false);
  await putZone(lab.controller, zone, false);
  await lab.pass(200);
  const a = lab.agent("a").host("two");
  await a.attentions();
  const sent = a.start(...swap(1, 2));
  await lab.pass(200);
  release();
  t.is(senseName(await sent.answer), "MISCOMPARE_DURING_VERIFY", "it came after it");
  const { messages } = lab.agent("a").core.sent;
  t.is(await swaps(a, 1, 2), "MISCOMPARE_DURING_VERIFY");
  t.is(lab.agent("a").core.sent.messages, messages, "now it is");
});
