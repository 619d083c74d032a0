/** COMPARE AND WRITE against every command on every path, and ends of agents and controllers in the midst of it. */
import { putZone } from "@sanlab/controller/access.ts";
import test, { type ExecutionContext } from "ava";
import * as cdbs from "node-iscsi-target/scsi/cdb.ts";
import { CoreLab, DRAIN_LIMIT_MS, turns, until } from "../../helpers/core-lab.ts";
import { cdbOf, type ScsiHost, senseName } from "../../helpers/scsi-host.ts";

const block = (fill: number) => Buffer.alloc(512, fill);
const swap = (from: number, to: number, lba = 0) =>
  [cdbOf(cdbs.CompareAndWrite, { lba, blocks: 1 }), Buffer.concat([block(from), block(to)])] as const;
const swaps = async (host: ScsiHost, from: number, to: number) => senseName(await host.send(...swap(from, to)));
const startWrite = (host: ScsiHost, fill: number) => host.start(cdbOf(cdbs.Write10, { blocks: 1 }), block(fill));
const writes = async (host: ScsiHost, fill: number) => senseName(await startWrite(host, fill).answer);
const firstByte = async (host: ScsiHost) => (await host.send(cdbOf(cdbs.Read10, { blocks: 1 }))).dataIn?.[0];

const UNMAP_LIST = Buffer.from(`00160010000000000000000000000000${"00000800"}00000000`, "hex");
const startUnmap = (host: ScsiHost) => host.start(cdbOf(cdbs.Unmap, { listBytes: UNMAP_LIST.length }), UNMAP_LIST);

/** The controller is at something else in the turn of the disk's family, until that is released. */
function occupy(lab: CoreLab): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const family of lab.controller.families.all()) void family.run(() => promise);
  return resolve;
}

/** Both have the first segment mapped. */
async function pair(t: ExecutionContext): Promise<{ lab: CoreLab; a: ScsiHost; b: ScsiHost }> {
  const lab = await CoreLab.start(t);
  const [a, b] = [lab.agent("a").host("one"), lab.agent("b").host("two")];
  await a.attentions();
  await b.attentions();
  await writes(a, 1);
  await firstByte(b);
  return { lab, a, b };
}

/** A COMPARE AND WRITE through agent a that has compared, and whose write is not at the device yet. */
async function compared(lab: CoreLab, a: ScsiHost, to: number) {
  const { device } = lab.agent("a");
  device.holding = true;
  const sent = a.start(...swap(1, to));
  await until(() => device.heldCount === 1);
  return { sent, device };
}

test("it writes where the comparison holds, and what it writes is read through the other agent", async (t) => {
  const { lab, a, b } = await pair(t);
  t.is(await swaps(a, 1, 2), "GOOD");
  t.is(await firstByte(b), 2);
  t.is(await swaps(b, 1, 3), "MISCOMPARE_DURING_VERIFY");
  t.is(await swaps(b, 2, 3), "GOOD");
  t.is(await firstByte(a), 3);
  t.is(await writes(b, 9), "GOOD");
  t.deepEqual([...lab.agent("a").bugs, ...lab.agent("b").bugs], []);
});

test("on blocks that were never written it allocates, as any write", async (t) => {
  const lab = await CoreLab.start(t);
  const [a, b] = [lab.agent("a").host("one"), lab.agent("b").host("two")];
  await a.attentions();
  await b.attentions();
  t.is(await firstByte(b), 0);
  t.is(await swaps(a, 0, 5), "GOOD");
  t.is(await firstByte(b), 5);
});

test("a write on the other path waits until it is over, and comes after it", async (t) => {
  const { lab, a, b } = await pair(t);
  const { sent, device } = await compared(lab, a, 2);
  const write = startWrite(b, 7);
  const elsewhere = senseName(await b.send(cdbOf(cdbs.Read10, { lba: 2048, blocks: 1 })));
  t.is(elsewhere, "GOOD", "other segments are as free as ever");
  await turns();
  t.is(lab.agent("b").device.bytes[1024 * 1024], 1, "it has not been written");
  device.release();
  t.is(senseName(await sent.answer), "GOOD");
  t.is(senseName(await write.answer), "GOOD");
  t.is(await firstByte(a), 7);
});

test("it begins when the write on the other path that is at the device has ended", async (t) => {
  const { lab, a, b } = await pair(t);
  const { device } = lab.agent("b");
  device.holding = true;
  const write = startWrite(b, 7);
  const sent = a.start(...swap(1, 2));
  await turns();
  device.release();
  t.is(senseName(await write.answer), "GOOD");
  t.is(senseName(await sent.answer), "MISCOMPARE_DURING_VERIFY");
});

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

test("of many that race through both agents for one value at a time, each sees every other", async (t) => {
  const { a, b } = await pair(t);
  await writes(a, 0);
  const add = async (host: ScsiHost) => {
    for (;;) {
      const from = (await firstByte(host)) as number;
      if ((await swaps(host, from, from + 1)) === "GOOD") return;
    }
  };
  await Promise.all(Array.from({ length: 40 }, (_, turn) => add(turn % 2 ? a : b)));
  t.is(await firstByte(a), 40);
  t.is(await firstByte(b), 40);
});

test("an agent that dies in the midst of one lets the others in once it is fenced", async (t) => {
  const { lab, a, b } = await pair(t);
  await compared(lab, a, 2);
  const write = startWrite(b, 7);
  await turns();
  lab.killAgent("a");
  await lab.pass(2 * DRAIN_LIMIT_MS);
  t.is(senseName(await write.answer), "GOOD", "the controller has fenced it, since it acknowledged nothing any more");
  t.deepEqual(await b.attentions(), ["06/2a/06"], "the ports of the dead agent are gone");
  t.is(await firstByte(b), 7);
  await lab.startAgent("a");
  const again = lab.agent("a").host("one");
  await again.attentions();
  t.is(await swaps(again, 7, 8), "GOOD");
});

test("an agent that is long about it is left alone while it answers the controller", async (t) => {
  const { lab, a, b } = await pair(t);
  const { sent, device } = await compared(lab, a, 2);
  const write = startWrite(b, 7);
  await lab.pass(5 * DRAIN_LIMIT_MS);
  t.false(lab.agent("a").isDead);
  device.release();
  t.is(senseName(await sent.answer), "GOOD");
  t.is(senseName(await write.answer), "GOOD");
});

test("one that is aborted while it waits lets the others in", async (t) => {
  const { lab, a, b } = await pair(t);
  lab.agent("a").passes = ({ type }) => type !== "exclude";
  const sent = a.start(...swap(1, 2));
  await turns();
  await lab.agent("a").server.abortTask(sent.task);
  lab.agent("a").passes = () => true;
  t.is(await swaps(b, 1, 3), "GOOD");
  t.is(await swaps(a, 3, 4), "GOOD");
});

test("a controller that dies in the midst of one: who compared compares again, the others wait until that is certain", async (t) => {
  const { lab, a, b } = await pair(t);
  const { sent, device } = await compared(lab, a, 2);
  const write = startWrite(b, 7);
  await turns();
  lab.killController();
  await lab.startController();
  lab.agent("b").connect(lab.controller);
  await turns();
  t.is(lab.agent("b").device.bytes[1024 * 1024], 1, "the other agent does not know yet that all is new");
  lab.agent("a").connect(lab.controller);
  await lab.pass(200);
  t.is(lab.agent("b").device.bytes[1024 * 1024], 1, "what it reads may still be compared");
  device.release();
  const name = senseName(await sent.answer);
  t.is(senseName(await write.answer), "GOOD");
  t.true(["GOOD", "MISCOMPARE_DURING_VERIFY"].includes(name));
  t.is(await firstByte(a), 7);
  t.is(await swaps(b, 7, 8), "GOOD");
});

test("an agent that is alone asks nobody, until another one gets the disk: that waits for what is under way", async (t) => {
  const lab = await CoreLab.start(t, ["a"]);
  const a = lab.agent("a").host("one");
  await a.attentions();
  await writes(a, 1);
  const { sent } = lab.agent("a").core;
  const before = sent.messages;
  t.is(await swaps(a, 1, 1), "GOOD");
  t.is(sent.messages, before);

  const { device } = lab.agent("a");
  device.holding = true;
  const swapping = a.start(...swap(1, 2));
  await until(() => device.heldCount === 1);
  await lab.startAgent("b");
  const b = lab.agent("b").host("two");
  await b.attentions();
  const write = startWrite(b, 2);
  await turns();
  t.is(device.bytes[1024 * 1024], 1, "it waits");
  device.release();
  t.true(["GOOD", "MISCOMPARE_DURING_VERIFY"].includes(senseName(await swapping.answer)));
  t.is(senseName(await write.answer), "GOOD");
  await a.attentions();
  t.is(await swaps(b, 2, 3), "GOOD");
  t.is(await swaps(a, 3, 4), "GOOD");
  t.true(sent.messages > before + 1, "it asks now");
});

test("messages that are lost with their connection are said again", async (t) => {
  const { lab, a, b } = await pair(t);
  for (const type of ["exclude", "readmit"]) {
    const agent = lab.agent("a");
    agent.passes = (message) => message.type !== type;
    const fill = (await firstByte(b)) as number;
    const sent = a.start(...swap(fill, fill + 1));
    await turns();
    agent.passes = () => true;
    agent.disconnect();
    agent.connect(lab.controller);
    t.is(senseName(await sent.answer), "GOOD");
    t.is(await writes(b, fill + 1), "GOOD");
  }
});
