/** What hosts reserve through one agent, as the other agent's hosts meet it. */
import test from "ava";
import * as cdbs from "node-iscsi-target/scsi/cdb.ts";
import { ReservationType } from "node-iscsi-target/scsi/reservations/state.ts";
import { CoreLab, iqnOf, turns, until } from "../../helpers/core-lab.ts";
import { readFullStatus, readKeys, readReservation, reserveOut } from "../../helpers/reservations.ts";
import { cdbOf, type ScsiHost, senseName } from "../../helpers/scsi-host.ts";

const CONFLICT = "status 24";
const block = (fill: number) => Buffer.alloc(512, fill);
const write = (host: ScsiHost, fill = 1, lba = 0) => host.send(cdbOf(cdbs.Write10, { lba, blocks: 1 }), block(fill));
const writes = async (host: ScsiHost, fill = 1) => senseName(await write(host, fill));
const send = async (host: ScsiHost, layout: Parameters<typeof cdbOf>[0]) => senseName(await host.send(cdbOf(layout)));

async function hosts(lab: CoreLab): Promise<[a: ScsiHost, b: ScsiHost]> {
  const pair: [ScsiHost, ScsiHost] = [lab.agent("a").host("one"), lab.agent("b").host("two")];
  for (const host of pair) await host.attentions();
  return pair;
}

test("a registration made through one agent is seen through the other, with its port and initiator", async (t) => {
  const lab = await CoreLab.start(t);
  const [a, b] = await hosts(lab);
  t.is(await reserveOut(a, cdbs.Register, { newKey: 0xfedc_ba98_7654_3210n, persistent: true }), "GOOD");
  t.deepEqual(await readKeys(b), { generation: 1, keys: [0xfedc_ba98_7654_3210n] });
  t.is(await reserveOut(b, cdbs.Register, { newKey: 2n, persistent: true }), "GOOD");
  const type = ReservationType.WRITE_EXCLUSIVE_REGISTRANTS_ONLY;
  t.is(await reserveOut(a, cdbs.Reserve, { key: 0xfedc_ba98_7654_3210n, type }), "GOOD");
  t.deepEqual(await readFullStatus(b), await readFullStatus(a));
  t.deepEqual(await readFullStatus(b), [
    { port: `${iqnOf("one")},i,0x000000000001`, relativePortId: 1, key: 0xfedc_ba98_7654_3210n, type },
    { port: `${iqnOf("two")},i,0x000000000001`, relativePortId: 2, key: 2n, type: 0 },
  ]);
  t.is(await writes(b), "GOOD");
  t.is(await reserveOut(b, cdbs.Register, { key: 2n }), "GOOD");
  t.is(await writes(b), CONFLICT);
});

test("ALL_TG_PT registers a host at the ports of all agents", async (t) => {
  const lab = await CoreLab.start(t);
  const [a] = await hosts(lab);
  t.is(await reserveOut(a, cdbs.Register, { newKey: 5n, allTargetPorts: true }), "GOOD");
  const ports = (await readFullStatus(a)).map(({ relativePortId }) => relativePortId);
  t.deepEqual(ports, [1, 2]);
  const other = lab.agent("b").host("one");
  await other.attentions();
  t.is(await reserveOut(other, cdbs.Reserve, { key: 5n, type: ReservationType.EXCLUSIVE_ACCESS }), "GOOD");
  t.is(await writes(a), CONFLICT, "the other nexus holds it");
});

test("PREEMPT tells the hosts on the other agent, CLEAR and RELEASE too", async (t) => {
  const lab = await CoreLab.start(t);
  const [a, b] = await hosts(lab);
  const type = ReservationType.WRITE_EXCLUSIVE_REGISTRANTS_ONLY;
  await reserveOut(a, cdbs.Register, { newKey: 1n });
  await reserveOut(b, cdbs.Register, { newKey: 2n });
  await reserveOut(a, cdbs.Reserve, { key: 1n, type });
  t.is(await reserveOut(a, cdbs.Release, { key: 1n, type }), "GOOD");
  t.deepEqual(await b.attentions(), ["06/2a/04"]);
  t.deepEqual(await a.attentions(), []);
  await reserveOut(a, cdbs.Reserve, { key: 1n, type });
  t.is(await reserveOut(b, cdbs.Preempt, { key: 2n, newKey: 1n, type }), "GOOD");
  t.deepEqual(await a.attentions(), ["06/2a/05"]);
  t.is(await writes(a), CONFLICT);
  t.deepEqual(await readReservation(a), { key: 2n, type });
  await reserveOut(a, cdbs.Register, { newKey: 3n });
  t.is(await reserveOut(a, cdbs.Clear, { key: 3n }), "GOOD");
  t.deepEqual(await b.attentions(), ["06/2a/03"]);
  t.deepEqual((await readKeys(b)).keys, []);
});

test("PREEMPT is answered when the write of the other agent that conflicts has ended, and PREEMPT AND ABORT ends it", async (t) => {
  const lab = await CoreLab.start(t);
  const [a, b] = await hosts(lab);
  await writes(a);
  const type = ReservationType.WRITE_EXCLUSIVE_REGISTRANTS_ONLY;
  await reserveOut(a, cdbs.Register, { newKey: 1n });
  await reserveOut(b, cdbs.Register, { newKey: 2n });
  const { device } = lab.agent("a");
  for (const [layout, expected] of [
    [cdbs.Preempt, "GOOD"],
    [cdbs.PreemptAndAbort, "aborted"],
  ] as const) {
    await reserveOut(a, cdbs.RegisterAndIgnore, { newKey: 1n });
    await reserveOut(a, cdbs.Reserve, { key: 1n, type });
    device.holding = true;
    device.deaf = true;
    const atDevice = a.start(cdbOf(cdbs.Write10, { blocks: 1 }), block(7));
    let answered = false;
    const preempted = reserveOut(b, layout, { key: 2n, newKey: 1n, type }).then((name) => {
      answered = true;
      return name;
    });
    await until(() => lab.controller.units.record("unit-t3").latest.at(-1)?.ends !== undefined);
    await turns();
    t.false(answered, "it is still at the device");
    device.release();
    t.is(await preempted, "GOOD");
    t.is(senseName(await atDevice.answer), expected);
    await a.attentions();
    await reserveOut(b, cdbs.Release, { key: 2n, type });
  }
});

test("a write that a fault holds meets the reservation that came meanwhile", async (t) => {
  const lab = await CoreLab.start(t);
  const [a, b] = await hosts(lab);
  lab.agent("a").passes = ({ type }) => type !== "fault";
  const held = a.start(cdbOf(cdbs.Write10, { blocks: 1 }), block(7));
  await reserveOut(b, cdbs.Register, { newKey: 2n });
  t.is(await reserveOut(b, cdbs.Reserve, { key: 2n, type: ReservationType.WRITE_EXCLUSIVE }), "GOOD");
  t.is(senseName(await held.answer), CONFLICT);
  const { dataIn } = await b.send(cdbOf(cdbs.Read10, { blocks: 1 }));
  t.is(dataIn?.[0], 0);
});

test("RESERVE keeps the hosts of the other agent out, until RELEASE, the end of the nexus, a reset, or the death of its agent", async (t) => {
  const lab = await CoreLab.start(t);
  const [a, b] = await hosts(lab);
  const { server } = lab.agent("a");
  for (const end of [
    () => send(a, cdbs.Release6),
    () => server.nexusEnds(a.nexus),
    () => lab.agent("b").server.logicalUnitReset(b.nexus, 0),
  ]) {
    server.nexusBegins(a.nexus);
    await a.attentions();
    t.is(await send(a, cdbs.Reserve6), "GOOD");
    t.is(await send(b, cdbs.TestUnitReady), CONFLICT);
    t.is(await send(b, cdbs.Reserve10), CONFLICT);
    await end();
    await b.attentions();
    t.is(await send(b, cdbs.TestUnitReady), "GOOD", "at once");
  }
  await a.attentions();
  t.is(await send(a, cdbs.Reserve10), "GOOD");
  lab.killAgent("a");
  t.is(await send(b, cdbs.TestUnitReady), CONFLICT, "nobody has seen yet that it is dead");
  await lab.startAgent("a");
  await turns();
  await b.attentions();
  t.is(await send(b, cdbs.TestUnitReady), "GOOD");
});

test("what two agents ask for at once is done one after the other", async (t) => {
  const lab = await CoreLab.start(t);
  const [a, b] = await hosts(lab);
  const type = ReservationType.EXCLUSIVE_ACCESS;
  for (let round = 0; round < 10; round += 1) {
    const registered = await Promise.all([
      reserveOut(a, cdbs.RegisterAndIgnore, { newKey: 1n }),
      reserveOut(b, cdbs.RegisterAndIgnore, { newKey: 2n }),
    ]);
    t.deepEqual(registered, ["GOOD", "GOOD"]);
    const reserved = await Promise.all([
      reserveOut(a, cdbs.Reserve, { key: 1n, type }),
      reserveOut(b, cdbs.Reserve, { key: 2n, type }),
    ]);
    t.deepEqual([...reserved].sort(), ["GOOD", CONFLICT]);
    await reserveOut(reserved[0] === "GOOD" ? a : b, cdbs.Clear, { key: reserved[0] === "GOOD" ? 1n : 2n });
    await a.attentions();
    await b.attentions();
  }
});

test("a change whose answer was lost is asked for again, and done once", async (t) => {
  const lab = await CoreLab.start(t);
  const [a, b] = await hosts(lab);
  const agent = lab.agent("a");
  const registered = reserveOut(a, cdbs.Register, { newKey: 1n });
  await until(() => lab.controller.units.record("unit-t3").revision === 1);
  agent.disconnect();
  agent.connect(lab.controller);
  t.is(await registered, "GOOD", "a REGISTER that is done twice ends with a conflict");
  t.deepEqual(await readKeys(b), { generation: 1, keys: [1n] });
  t.is(lab.controller.units.record("unit-t3").revision, 1);
});

for (const when of ["before", "after"] as const) {
  test(`a controller that dies ${when} a change is durable is followed by one that completes it once`, async (t) => {
    const lab = await CoreLab.start(t);
    const [a, b] = await hosts(lab);
    await reserveOut(b, cdbs.Register, { newKey: 2n });
    if (when === "before") lab.killController();
    const type = ReservationType.WRITE_EXCLUSIVE;
    const registered = reserveOut(a, cdbs.Register, { newKey: 1n });
    if (when === "after") {
      await until(() => lab.controller.units.record("unit-t3").revision === 2);
      lab.killController();
    }
    t.deepEqual((await readKeys(b)).keys.length >= 1, true);
    await lab.restartController();
    t.is(await registered, "GOOD");
    t.deepEqual(await readKeys(b), { generation: 2, keys: [2n, 1n] });
    t.is(await reserveOut(a, cdbs.Reserve, { key: 1n, type }), "GOOD");
    t.is(await writes(b), CONFLICT);
  });
}

for (const { persistent, power, survives } of [
  { persistent: false, power: undefined, survives: true },
  { persistent: false, power: "again", survives: false },
  { persistent: true, power: "again", survives: true },
]) {
  const what = `registrations ${persistent ? "with" : "without"} APTPL`;
  const past = power === undefined ? "the end of every process" : "a loss of all power";
  test(`${what} ${survives ? "outlive" : "do not outlive"} ${past}`, async (t) => {
    const lab = await CoreLab.start(t);
    const [a] = await hosts(lab);
    await reserveOut(a, cdbs.Register, { newKey: 1n, persistent });
    await reserveOut(a, cdbs.Reserve, { key: 1n, type: ReservationType.WRITE_EXCLUSIVE });
    for (const name of ["a", "b"]) lab.killAgent(name);
    lab.killController();
    await lab.restartController(power);
    // Each waits for the other, who may have been alone with the disk.
    const started = ["a", "b"].map((name) => lab.startAgent(name));
    await lab.pass(500);
    await Promise.all(started);
    const [again, b] = await hosts(lab);
    t.is(await writes(b), survives ? CONFLICT : "GOOD");
    t.is(await writes(again), "GOOD");
    t.deepEqual(await readKeys(b), { generation: power === undefined ? 1 : 0, keys: survives ? [1n] : [] });
  });
}
