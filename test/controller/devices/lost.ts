/** Devices that are away: by force, until they are back; or for good, with what was on them. */
import { setTimeout as delay } from "node:timers/promises";
import { check } from "@sanlab/controller/check/check.ts";
import { openDevice, removeDevice } from "@sanlab/controller/devices/removal.ts";
import { createDisk, deleteDisk } from "@sanlab/controller/disks.ts";
import { failSegments, healSegments } from "@sanlab/controller/families/failing.ts";
import { createPool, growPool } from "@sanlab/controller/pools.ts";
import { goOn } from "@sanlab/controller/recovery.ts";
import { takeSnapshots } from "@sanlab/controller/snapshots/snapshots.ts";
import test, { type ExecutionContext } from "ava";
import type { AgentCore } from "node-iscsi-target/agent/core.ts";
import { MappingLab, SEGMENT } from "../../helpers/mapping-lab.ts";
import { FailingStore, MemoryStore } from "../../helpers/memory-store.ts";

const UNREADABLE = { senseKey: 3, asc: 0x11, ascq: 0 };

/** Pool 'main' on /a, where segments 0 to 3 of disk 'data' lie, and on /b, where all that follows does. */
async function startLab(t: ExecutionContext, store: MemoryStore = new MemoryStore()): Promise<MappingLab> {
  const lab = await MappingLab.start({ store });
  t.teardown(() => lab.close());
  const { core } = lab;
  await createPool(core, { name: "main", segmentBytes: SEGMENT, devices: [{ path: "/a", sizeBytes: 5 * SEGMENT }] });
  await createDisk(core, { name: "data", pool: "main", sizeBytes: 32 * SEGMENT });
  await lab.addAgents("a", "b");
  await lab.expose("data");
  for (const segment of [0, 1, 2, 3]) await lab.write("a", "data", segment, 1 + segment);
  await growPool(core, "main", { path: "/b", sizeBytes: 256 * SEGMENT });
  await lab.write("b", "data", 8, 9);
  return lab;
}

/** The controller is started again, with what its agents were. */
async function restarted(t: ExecutionContext, before: MappingLab, store: MemoryStore): Promise<MappingLab> {
  before.close();
  const lab = await MappingLab.start({ store: new MemoryStore(store.entries), media: before.media });
  t.teardown(() => lab.close());
  for (const [name, agent] of before.agents) lab.attach(name, agent);
  return lab;
}

const deviceAt = ({ core }: MappingLab, path: string) =>
  core.records.devices.values().find((record) => record.path === path);

async function sound(t: ExecutionContext, { core, bugs }: MappingLab): Promise<void> {
  t.deepEqual((await check(core.options.store, core.records)).problems, []);
  t.deepEqual(bugs, []);
}

function read(lab: MappingLab, segment: number) {
  return lab.device("a", "data").read(segment * SEGMENT, Buffer.alloc(SEGMENT));
}

test("a device that is lost leaves its pool for good, and what was lost with it is said", async (t) => {
  const store = new MemoryStore();
  const before = await startLab(t, store);
  await takeSnapshots(before.core, { snapshots: [{ disk: "data", name: "snap" }] });
  await t.throwsAsync(removeDevice(before.core, "/a", "lost"), { message: /\/a is there, and nothing is lost/ });
  before.media.replaced.add("/a");
  const lab = await restarted(t, before, store);
  const { core } = lab;
  await t.throwsAsync(removeDevice(core, "/a", "empty"), {
    message: /is not there and holds 4 segments; bring it back/,
  });
  const lost = ["data", "snap"].map((disk) => ({ disk, segments: 4, ranges: ["0-3"] }));
  t.deepEqual(await removeDevice(core, "/a", "force"), { device: "/a", state: "removed", lost });
  await sound(t, lab);
  t.deepEqual(await removeDevice(core, "/a", "lost"), { device: "/a", state: "gone", lost });
  t.is(deviceAt(lab, "/a"), undefined);
  t.true(lab.media.devices.has("/a"), "what lies under its path now is left alone");
  await sound(t, lab);
  t.deepEqual(await read(lab, 2), { kind: "reported", report: UNREADABLE });
  t.is(await lab.read("b", "data", 8), 9);
  await healSegments(core, "data", { first: 2, count: 1 });
  t.is(await lab.read("b", "data", 2), 0, "taken back it is what was never written");
  t.is((await lab.write("a", "data", 2, 7)).kind, "ok");
  await lab.expose("snap");
  t.deepEqual((await lab.device("b", "snap").read(2 * SEGMENT, Buffer.alloc(SEGMENT))).kind, "reported");
  await sound(t, lab);
});

test("a lost device that nothing but deleted disks lay on goes without a word more", async (t) => {
  const store = new MemoryStore();
  const before = await startLab(t, store);
  before.media.replaced.add("/a");
  const lab = await restarted(t, before, store);
  const { core } = lab;
  await core.records.exports.remove(core.options.store, "host/data");
  await deleteDisk(core, "data");
  t.deepEqual(await removeDevice(core, "/a", "empty"), { device: "/a", state: "gone", lost: [] });
  t.deepEqual(core.records.releases.values(), []);
  await sound(t, lab);
});

test("what was made to fail by hand still does when its device is back, with whatever sense", async (t) => {
  const lab = await startLab(t);
  const { core } = lab;
  const busy = { senseKey: 2, asc: 4, ascq: 1 };
  await failSegments(core, "data", { first: 0, count: 1 });
  await failSegments(core, "data", { first: 1, count: 1, sense: busy });
  await removeDevice(core, "/a", "force");
  await failSegments(core, "data", { first: 2, count: 1, sense: busy });
  await healSegments(core, "data", { first: 1, count: 1 });
  await healSegments(core, "data", { first: 3, count: 1 });
  const senses = [UNREADABLE, UNREADABLE, busy, UNREADABLE];
  for (const [segment, report] of senses.entries()) t.deepEqual(await read(lab, segment), { kind: "reported", report });
  await openDevice(core, "/a");
  t.deepEqual(await read(lab, 0), { kind: "reported", report: UNREADABLE });
  t.is(await lab.read("a", "data", 1), 2);
  t.deepEqual(await read(lab, 2), { kind: "reported", report: busy });
  t.is(await lab.read("b", "data", 3), 4);
  await healSegments(core, "data", { first: 0, count: 4 });
  for (const segment of [0, 1, 2, 3]) t.is(await lab.read("b", "data", segment), segment + 1);
  await sound(t, lab);
});

test("an agent that could not open a device is sent it again when the device is opened", async (t) => {
  const lab = await startLab(t);
  const { core, media } = lab;
  const device = media.devices.get("/a");
  media.devices.delete("/a");
  const fresh = lab.connect("a");
  while (core.agents.problems.get("a") === undefined) await delay(5);
  const number = deviceAt(lab, "/a")?.device ?? 0;
  t.true(fresh.devices.get(number)?.isAbsent);
  while (fresh.tables.size === 0) await delay(5);
  const flushed = await lab.device("a", "data").flush();
  t.is(flushed.kind, "not-ready", "somebody may have written there");
  media.devices.set("/a", device as NonNullable<typeof device>);
  await openDevice(core, "/a");
  t.is(core.agents.problems.get("a"), undefined);
  t.is(await lab.read("a", "data", 1), 2);
  t.deepEqual(await lab.device("a", "data").flush(), { kind: "ok" });
  await sound(t, lab);
});

test("what the controller before was about to say to an agent is waited for before its device is said to be out, and before it goes", async (t) => {
  const store = new MemoryStore();
  const before = await startLab(t, store);
  t.is(await before.read("b", "data", 1), 2);
  const cut = before.agents.get("b") as AgentCore;
  before.agents.delete("b");
  void removeDevice(before.core, "/a", "force").catch(() => undefined);
  while ((await read(before, 1)).kind === "ok") await delay(1);
  const lab = await restarted(t, before, store);
  const { core } = lab;
  const said: string[] = [];
  const removal = removeDevice(core, "/a", "force").then(() => said.push("removed"));
  await delay(50);
  said.push("its agent is back");
  lab.attach("b", cut);
  await removal;
  t.deepEqual(said, ["its agent is back", "removed"]);
  t.deepEqual(await lab.device("b", "data").read(SEGMENT, Buffer.alloc(SEGMENT)), {
    kind: "reported",
    report: UNREADABLE,
  });
  await sound(t, lab);
});

test("a device that is given up goes only when no agent goes by what it had there when the controller before died", async (t) => {
  const store = new MemoryStore();
  const before = await startLab(t, store);
  await removeDevice(before.core, "/a", "force");
  const cut = before.agents.get("b") as AgentCore;
  before.agents.delete("b");
  void removeDevice(before.core, "/a", "lost").catch(() => undefined);
  while (before.core.records.releases.values().length === 0) await delay(1);
  const lab = await restarted(t, before, store);
  const { core } = lab;
  const removal = removeDevice(core, "/a", "lost");
  await delay(50);
  t.true(core.records.devices.has(String(deviceAt(lab, "/a")?.device)));
  t.true(core.records.releases.values().length > 0);
  lab.attach("b", cut);
  await removal;
  t.is(deviceAt(lab, "/a"), undefined);
  t.deepEqual(core.records.releases.values(), []);
  await sound(t, lab);
});

test("an agent that could not open a device, and has not said so yet, is sent it again when the device is opened", async (t) => {
  const lab = await startLab(t);
  const { core, media } = lab;
  const [device, number] = [media.devices.get("/a"), deviceAt(lab, "/a")?.device ?? 0];
  media.devices.delete("/a");
  const fresh = lab.connect("a");
  const say = fresh.say.bind(fresh);
  fresh.say = (message) => {
    if (message.type !== "ack" || message.error === undefined) return say(message);
    // On its way for longer than it takes to open the device.
    media.devices.set("/a", device as NonNullable<typeof device>);
    const opened = openDevice(core, "/a");
    void delay(50).then(() => say(message));
    opening.resolve(opened);
  };
  const opening = Promise.withResolvers<void>();
  await opening.promise;
  t.false(fresh.devices.get(number)?.isAbsent);
  t.is(await lab.read("a", "data", 1), 2);
  await sound(t, lab);
});

test("what cannot be gone on with after a restart keeps nothing else from it", async (t) => {
  const store = new FailingStore();
  const before = await startLab(t, store);
  for (const name of ["first", "second"]) {
    await createDisk(before.core, { name, pool: "main", sizeBytes: 4 * SEGMENT, thick: true });
    const disk = before.core.records.disks.get(name);
    await before.core.records.disks.save(store, name, { ...(disk as NonNullable<typeof disk>), operation: "deleting" });
  }
  before.close();
  const failing = new FailingStore(store.entries);
  const lab = await MappingLab.start({ store: failing, media: before.media });
  t.teardown(() => lab.close());
  for (const [name, agent] of before.agents) lab.attach(name, agent);
  failing.fails = ({ deletes = [] }) => deletes.includes("disk/first");
  await goOn(lab.core);
  t.deepEqual([lab.core.records.disks.has("first"), lab.core.records.disks.has("second")], [true, false]);
  t.is(lab.bugs.splice(0).length, 1);
  failing.fails = () => false;
  await goOn(lab.core);
  t.false(lab.core.records.disks.has("first"));
  await sound(t, lab);
});
