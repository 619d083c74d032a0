/** Zones are switched as a whole: at no instant does any host go by some of the old and some of the new ones. */
import { putZone } from "@sanlab/controller/access.ts";
import { activate, putAlias, putZoneSet } from "@sanlab/controller/fabric/changes.ts";
import { goOn } from "@sanlab/controller/recovery.ts";
import test, { type ExecutionContext } from "ava";
import * as cdbs from "node-iscsi-target/scsi/cdb.ts";
import { CoreLab, DRAIN_LIMIT_MS, iqnOf, turns, until } from "../../helpers/core-lab.ts";
import { cdbOf } from "../../helpers/scsi-host.ts";

/** Each host by an agent of its own, and then by the other's. */
const STRAIGHT = ["one@a", "two@b"];
const CROSSED = ["one@b", "two@a"];

async function straightLab(t: ExecutionContext): Promise<CoreLab> {
  const lab = await CoreLab.start(t);
  const zone = (host: string, agent: string) =>
    putZone(lab.controller, { name: `${host}-${agent}`, hosts: [host], agents: [agent], disks: ["data"] }, true);
  for (const host of ["one", "two"]) for (const agent of ["a", "b"]) await zone(host, agent);
  await putZoneSet(lab.controller, { name: "straight", zones: ["one-a", "two-b"] }, true);
  await putZoneSet(lab.controller, { name: "crossed", zones: ["one-b", "two-a"] }, true);
  await activate(lab.controller, "straight");
  t.deepEqual(sight(lab), STRAIGHT);
  return lab;
}

/** Who is let in where, by the agents that live. */
function sight(lab: CoreLab): string[] {
  const alive = [...lab.agents.values()].filter(({ isDead }) => !isDead);
  const seen = alive.flatMap(({ name, core }) =>
    ["one", "two"].filter((host) => core.hosts.has(iqnOf(host))).map((host) => `${host}@${name}`),
  );
  return seen.sort();
}

/** Looks at every turn of the event loop until the work is done; returns every sight that came, once each, in order. */
async function watched(lab: CoreLab, work: Promise<unknown>): Promise<string[]> {
  const sights: string[] = [];
  let isOver = false;
  const ended = work.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    const now = sight(lab).join(" ");
    if (sights.at(-1) !== now) sights.push(now);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await ended;
  return sights;
}

const isPartOf = (seen: string, whole: readonly string[]) =>
  seen.split(" ").every((one) => one === "" || whole.includes(one));

function neverMixed(t: ExecutionContext, sights: readonly string[], from: readonly string[], to: readonly string[]) {
  t.deepEqual(
    sights.filter((seen) => !isPartOf(seen, from) && !isPartOf(seen, to)),
    [],
  );
  t.true(sights.length > 1);
}

test("what the new set does not allow is taken away everywhere before any of it is granted", async (t) => {
  const lab = await straightLab(t);
  lab.agent("a").lag = 5;
  const sights = await watched(lab, activate(lab.controller, "crossed"));
  neverMixed(t, sights, STRAIGHT, CROSSED);
  t.deepEqual(sight(lab), CROSSED);
  t.is(lab.controller.records.fabric.get("fabric")?.leaving, undefined);
});

test("to an active set that is changed, a zone, or an alias, the same applies", async (t) => {
  const lab = await straightLab(t);
  const { controller } = lab;
  lab.agent("a").lag = 5;
  const changed = putZoneSet(controller, { name: "straight", zones: ["one-b", "two-a"] }, false);
  neverMixed(t, await watched(lab, changed), STRAIGHT, CROSSED);
  t.deepEqual(sight(lab), CROSSED);
  await putAlias(controller, { name: "some", members: ["host:one", "agent:a"] }, true);
  const empty = { hosts: [], agents: [], disks: ["data"] };
  await putZone(controller, { name: "aliased", ...empty, members: ["some"] }, true);
  await putZoneSet(controller, { name: "straight", zones: ["aliased"] }, false);
  t.deepEqual(sight(lab), ["one@a"]);
  const other = putAlias(controller, { name: "some", members: ["host:two", "agent:b"] }, false);
  neverMixed(t, await watched(lab, other), ["one@a"], ["two@b"]);
  const zone = putZone(controller, { name: "aliased", hosts: ["one"], agents: ["a"], disks: ["data"] }, false);
  neverMixed(t, await watched(lab, zone), ["two@b"], ["one@a"]);
  t.deepEqual(sight(lab), ["one@a"]);
});

test("an agent that does not acknowledge is fenced before the others are granted anything", async (t) => {
  const lab = await straightLab(t);
  lab.agent("a").passes = ({ type }) => type !== "ack";
  const switching = activate(lab.controller, "crossed");
  await turns();
  await lab.pass(DRAIN_LIMIT_MS / 2);
  t.deepEqual(sight(lab), [], "withdrawn at both, granted at none");
  t.false(lab.agent("a").isDead);
  const passing = lab.pass(DRAIN_LIMIT_MS);
  const sights = await watched(lab, switching);
  await passing;
  t.true(lab.agent("a").isDead);
  neverMixed(t, ["", ...sights], STRAIGHT, CROSSED);
  t.deepEqual(sight(lab), ["one@b"]);
});

test("I/O that is at a device under the old set is over before the new one grants anything", async (t) => {
  const lab = await straightLab(t);
  const a = lab.agent("a");
  const host = a.host("one");
  await host.attentions();
  await host.send(cdbOf(cdbs.Write10, { blocks: 1 }), Buffer.alloc(512, 1));
  a.device.holding = true;
  const read = host.start(cdbOf(cdbs.Read10, { blocks: 1 }));
  await until(() => a.device.heldCount === 1);
  const switching = activate(lab.controller, "crossed");
  await turns();
  t.deepEqual(sight(lab), []);
  a.device.holding = false;
  a.device.release();
  await switching;
  await read.answer;
  t.deepEqual(sight(lab), CROSSED);
});

test("the same goes for a host that stays and loses a disk, which others keep", async (t) => {
  const lab = await straightLab(t);
  const { controller } = lab;
  const empty = { name: "one-empty", hosts: ["one"], agents: ["a"], disks: [] };
  await putZone(controller, empty, true);
  await putZoneSet(controller, { name: "full", zones: ["one-a", "two-a"] }, true);
  await putZoneSet(controller, { name: "less", zones: ["one-empty", "two-a", "two-b"] }, true);
  await activate(controller, "full");
  const a = lab.agent("a");
  const host = a.host("one");
  a.publication.sessionsOf = {
    drop: async () => undefined,
    rows: () => [],
    nexuses: (initiator) => (initiator === iqnOf("one") ? [host.nexus] : []),
    inventoryChanged: (nexus) => a.server.inventoryChanged(nexus),
  };
  await host.attentions();
  await host.send(cdbOf(cdbs.Write10, { blocks: 1 }), Buffer.alloc(512, 1));
  a.device.holding = true;
  const read = host.start(cdbOf(cdbs.Read10, { blocks: 1 }));
  await until(() => a.device.heldCount === 1);
  const switching = activate(controller, "less");
  await turns();
  t.deepEqual(sight(lab), ["one@a", "two@a"], "nobody is let in at the other agent yet");
  a.device.release();
  await switching;
  t.is((await read.answer).kind, "aborted");
  t.deepEqual(sight(lab), ["one@a", "two@a", "two@b"]);
});

test("a controller that ends in the midst of it goes on with it at its next start, in the same order", async (t) => {
  const lab = await straightLab(t);
  lab.agent("a").passes = ({ type }) => type !== "ack";
  const before = lab.controller;
  void activate(before, "crossed");
  await turns();
  t.truthy(before.records.fabric.get("fabric")?.leaving);
  lab.killController();
  lab.agent("a").passes = () => true;
  await lab.restartController();
  await turns();
  t.deepEqual(sight(lab), [], "whoever comes back has what both sets allow");
  neverMixed(t, await watched(lab, goOn(lab.controller)), [], CROSSED);
  t.deepEqual(sight(lab), CROSSED);
  t.deepEqual([...lab.agent("a").bugs, ...lab.agent("b").bugs], []);
});

test("an agent that does not come back after a controller's restart is fenced, even one that held no table", async (t) => {
  const lab = await straightLab(t);
  const empty = { name: "one-a", hosts: ["one"], agents: ["a"], disks: [] };
  await putZone(lab.controller, empty, false);
  t.deepEqual(lab.controller.records.agents.get("a")?.tables, []);
  lab.killController();
  await lab.startController();
  lab.agent("b").connect(lab.controller);
  await turns();
  const switching = activate(lab.controller, "crossed");
  await lab.pass(DRAIN_LIMIT_MS / 2);
  t.deepEqual(sight(lab), STRAIGHT, "all go on as they were, until it is known to be over");
  await Promise.all([lab.pass(DRAIN_LIMIT_MS), switching]);
  t.true(lab.agent("a").isDead);
  t.deepEqual(sight(lab), ["one@b"]);
});
