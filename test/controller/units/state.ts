/** What is one for all paths of a unit besides reservations: mode parameters, resets, access states, ports. */
import test, { type ExecutionContext } from "ava";
import * as cdbs from "node-iscsi-target/scsi/cdb.ts";
import { ControlPage, ModeHeader6 } from "node-iscsi-target/scsi/mode/layouts.ts";
import { PortGroupDescriptor, SetGroupDescriptor } from "node-iscsi-target/scsi/parameter-data.ts";
import { CoreLab, DRAIN_LIMIT_MS, turns, until } from "../../helpers/core-lab.ts";
import { cdbOf, type ScsiHost, senseName } from "../../helpers/scsi-host.ts";

const CONTROL_PAGE = 0x0a;

async function pair(t: ExecutionContext): Promise<{ lab: CoreLab; a: ScsiHost; b: ScsiHost }> {
  const lab = await CoreLab.start(t);
  const [a, b] = [lab.agent("a").host("one"), lab.agent("b").host("two")];
  await a.attentions();
  await b.attentions();
  return { lab, a, b };
}

async function controlPage(host: ScsiHost): Promise<Buffer> {
  const { dataIn } = await host.send(
    cdbOf(cdbs.ModeSense6, { disableBlockDescriptors: 1, pageCode: CONTROL_PAGE, allocationBytes: 255 }),
  );
  return Buffer.from(dataIn ?? []);
}

async function selectProtection(host: ScsiHost, on: 0 | 1): Promise<string> {
  const list = await controlPage(host);
  list[0] = 0;
  list[2] = 0;
  ControlPage.softwareWriteProtect.set(list, ModeHeader6.sizeBytes, on);
  return senseName(await host.send(cdbOf(cdbs.ModeSelect6, { pageFormat: 1, listBytes: list.length }), list));
}

const isProtected = async (host: ScsiHost) =>
  ControlPage.softwareWriteProtect.get(await controlPage(host), ModeHeader6.sizeBytes) === 1;
const writes = async (host: ScsiHost) =>
  senseName(await host.send(cdbOf(cdbs.Write10, { blocks: 1 }), Buffer.alloc(512)));

test("MODE SELECT on one path counts on the other, which is told; LOGICAL UNIT RESET takes it back on all", async (t) => {
  const { lab, a, b } = await pair(t);
  t.is(await selectProtection(a, 1), "GOOD");
  t.deepEqual(await b.attentions(), ["06/2a/01"]);
  t.deepEqual(await a.attentions(), []);
  t.true(await isProtected(b));
  t.is(await writes(b), "WRITE_PROTECTED");
  t.is(await lab.agent("b").server.logicalUnitReset(b.nexus, 0), "complete");
  t.deepEqual(await a.attentions(), ["06/29/03"]);
  t.deepEqual(await b.attentions(), ["06/29/03"]);
  t.false(await isProtected(a));
  t.is(await writes(a), "GOOD");
});

test("mode parameters outlive their agents and the controller", async (t) => {
  const { lab, a } = await pair(t);
  await selectProtection(a, 1);
  lab.killAgent("a");
  lab.killAgent("b");
  lab.killController();
  await lab.restartController();
  const started = lab.startAgent("b");
  await lab.pass(2 * DRAIN_LIMIT_MS);
  await started;
  const host = lab.agent("b").host("two");
  await host.attentions();
  t.true(await isProtected(host));
});

for (const [name, act, told] of [
  ["LOGICAL UNIT RESET", "logicalUnitReset", "06/29/03"],
  ["CLEAR TASK SET", "clearTaskSet", "06/2f/00"],
] as const) {
  test(`${name} through one agent ends the commands at the other, and is answered when they have ended`, async (t) => {
    const { lab, a, b } = await pair(t);
    await writes(a);
    const { device, server } = lab.agent("a");
    device.holding = true;
    device.deaf = true;
    const write = a.start(cdbOf(cdbs.Write10, { blocks: 1 }), Buffer.alloc(512, 3));
    let answered = false;
    const done = lab
      .agent("b")
      .server[act](b.nexus, 0)
      .then(() => {
        answered = true;
      });
    await until(() => write.task.cancelled);
    await turns();
    t.false(answered);
    device.release();
    t.is(senseName(await write.answer), "aborted");
    await done;
    t.deepEqual(await a.attentions(), [told]);
    await server.nexusEnds(a.nexus);
  });
}

test("the ports of all agents are reported, and SET TARGET PORT GROUPS through one counts at the other", async (t) => {
  const { lab, a, b } = await pair(t);
  const states = async (host: ScsiHost) => {
    const { dataIn } = await host.send(cdbOf(cdbs.ReportTargetPortGroups, { allocationBytes: 255 }));
    const data = Buffer.from(dataIn ?? []);
    return [4, 16].map((at) => {
      const { portGroup, accessState, statusCode } = PortGroupDescriptor.decode(data, at);
      return [portGroup, accessState, statusCode];
    });
  };
  t.deepEqual(await states(a), [
    [1, 0, 0],
    [2, 0, 0],
  ]);
  const list = Buffer.concat([Buffer.alloc(4), SetGroupDescriptor.encode({ portGroup: 2, accessState: 2 })]);
  t.is(senseName(await a.send(cdbOf(cdbs.SetTargetPortGroups, { listBytes: list.length }), list)), "GOOD");
  t.deepEqual(await b.attentions(), ["06/2a/06"]);
  t.deepEqual(await states(b), [
    [1, 0, 0],
    [2, 2, 1],
  ]);
  t.is(await writes(b), "TARGET_PORT_IN_STANDBY_STATE");
  t.is(await writes(a), "GOOD");

  await lab.controller.units.setPortGroup(1, 3);
  t.deepEqual(await b.attentions(), ["06/2a/06"]);
  t.deepEqual(
    await states(b),
    [
      [2, 2, 1],
      [1, 3, 2],
    ].sort(),
  );
  await lab.controller.units.setPortGroup(1, null);
  await a.attentions();
  t.deepEqual((await states(a))[0], [1, 0, 0]);
});

test("a host of an agent that joins later finds the unit as it is", async (t) => {
  const lab = await CoreLab.start(t);
  lab.killAgent("b");
  const a = lab.agent("a").host("one");
  await a.attentions();
  const selected = selectProtection(a, 1);
  await lab.pass(2 * DRAIN_LIMIT_MS);
  t.is(await selected, "GOOD", "the other agent, which was dead, has been fenced");
  await lab.startAgent("b");
  const b = lab.agent("b").host("two");
  await b.attentions();
  t.true(await isProtected(b));
});
