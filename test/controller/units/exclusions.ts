/** COMPARE AND WRITE against every command on every path, and ends of agents and controllers in the midst of it. */
import test from "ava";
import * as cdbs from "node-iscsi-target/scsi/cdb.ts";
import { compared, firstByte, pair, startWrite, swap, swaps, writes } from "../../helpers/compare-and-write.ts";
import { CoreLab, DRAIN_LIMIT_MS, turns, until } from "../../helpers/core-lab.ts";
import { cdbOf, type ScsiHost, senseName } from "../../helpers/scsi-host.ts";

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
