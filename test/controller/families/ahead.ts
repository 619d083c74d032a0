/** Allocation ahead of sequential first writes, through real agents in one process (docs/protocol.md, First write). */
import { check } from "@sanlab/controller/check/check.ts";
import { createDisk, describe } from "@sanlab/controller/disks.ts";
import { IDLE_MS } from "@sanlab/controller/families/runs.ts";
import { createPool } from "@sanlab/controller/pools.ts";
import type { DiskRecord } from "@sanlab/controller/records.ts";
import { takeSnapshots } from "@sanlab/controller/snapshots/snapshots.ts";
import { mapOf } from "@sanlab/controller/tables/map.ts";
import test, { type ExecutionContext } from "ava";
import { until } from "../../helpers/core-lab.ts";
import { MappingLab, SEGMENT } from "../../helpers/mapping-lab.ts";
import { MemoryStore } from "../../helpers/memory-store.ts";
import { TestClock } from "../../helpers/test-clock.ts";

const FREE = 127;

/** Time, which passes only where a test says so. */
const clocks = new WeakMap<MappingLab, TestClock>();

/** Two agents, a pool of FREE segments, and these disks of 128 segments each. */
async function labWith(t: ExecutionContext, ...disks: string[]): Promise<MappingLab> {
  const clock = new TestClock();
  const lab = await MappingLab.start({ store: new MemoryStore(), clock });
  clocks.set(lab, clock);
  t.teardown(() => lab.close());
  const devices = [{ path: "/a", sizeBytes: (FREE + 1) * SEGMENT }];
  await createPool(lab.core, { name: "main", segmentBytes: SEGMENT, devices });
  for (const name of disks) await createDisk(lab.core, { name, pool: "main", sizeBytes: 128 * SEGMENT });
  await lab.addAgents("a", "b");
  await lab.expose(...disks);
  return lab;
}

async function fill(lab: MappingLab, disk: string, first: number, end: number, agent = "a"): Promise<void> {
  for (let segment = first; segment < end; segment += 1) await lab.write(agent, disk, segment, segment + 1);
}

function mapped({ core }: MappingLab, disk: string): number {
  return describe(core, core.records.disks.get(disk) as DiskRecord).mappedSegments;
}

async function segmentsOf(lab: MappingLab, disk: string): Promise<number[]> {
  return (await mapOf(lab.core, disk, {}, false)).map(({ segment }) => segment);
}

/** All runs have ended, and were looked at. */
async function settle(lab: MappingLab): Promise<void> {
  clocks.get(lab)?.advance(IDLE_MS);
  await lab.core.ahead.settle();
}

async function sound(t: ExecutionContext, lab: MappingLab): Promise<void> {
  t.deepEqual((await check(lab.core.options.store, lab.core.records)).problems, []);
  t.deepEqual(lab.bugs, []);
}

const upTo = (end: number): number[] => Array.from({ length: end }, (_, segment) => segment);

test("a sequential first write asks the controller once for many segments", async (t) => {
  const lab = await labWith(t, "data");
  await fill(lab, "data", 0, 64);
  t.true((lab.agents.get("a")?.sent.faults ?? 99) < 20, `${lab.agents.get("a")?.sent.faults} faults`);
  for (const segment of [0, 17, 63])
    for (const agent of ["a", "b"]) t.is(await lab.read(agent, "data", segment), segment + 1);
  await sound(t, lab);
});

test("what was allocated ahead and not written is given back, and reads and takes writes as before", async (t) => {
  const lab = await labWith(t, "data");
  await fill(lab, "data", 0, 10);
  t.true(mapped(lab, "data") > 10, "something was allocated ahead");
  await settle(lab);
  t.is(mapped(lab, "data"), 10);
  t.deepEqual(await segmentsOf(lab, "data"), upTo(10));
  t.is(lab.core.space.freeIn("main"), FREE - 10);
  t.is(lab.core.records.ahead.values().length, 0);
  for (const agent of ["a", "b"]) t.is(await lab.read(agent, "data", 10), 0);
  await lab.write("b", "data", 10, 77);
  t.is(await lab.read("a", "data", 10), 77);
  await sound(t, lab);
});

test("it is given back without being asked for, once the run has ended", async (t) => {
  const lab = await labWith(t, "data");
  await fill(lab, "data", 0, 5);
  t.true(mapped(lab, "data") > 5);
  clocks.get(lab)?.advance(IDLE_MS);
  await until(() => lab.core.records.ahead.values().length === 0);
  t.is(mapped(lab, "data"), 5);
  t.is(lab.core.space.freeIn("main"), FREE - 5);
  await sound(t, lab);
});

test("what anybody has written of what was allocated ahead stays, be it one block at the end of a segment", async (t) => {
  const lab = await labWith(t, "data");
  await fill(lab, "data", 0, 18);
  const faults = lab.agents.get("b")?.sent.faults;
  await lab.device("b", "data").write(21 * SEGMENT - 512, [Buffer.alloc(512, 9)]);
  t.is(lab.agents.get("b")?.sent.faults, faults, "it was allocated already");
  await settle(lab);
  t.deepEqual(await segmentsOf(lab, "data"), [...upTo(18), 20]);
  const into = Buffer.alloc(512);
  await lab.device("a", "data").read(21 * SEGMENT - 512, into);
  t.true(into.equals(Buffer.alloc(512, 9)));
  await sound(t, lab);
});

test("what a snapshot shares of it is given back by all who hold it", async (t) => {
  const lab = await labWith(t, "data");
  await fill(lab, "data", 0, 10);
  await takeSnapshots(lab.core, { snapshots: [{ disk: "data", name: "snap" }] });
  await settle(lab);
  for (const disk of ["data", "snap"]) t.deepEqual(await segmentsOf(lab, disk), upTo(10), disk);
  t.is(lab.core.space.freeIn("main"), FREE - 10);
  await sound(t, lab);
});

test("a controller that is gone leaves it on record, and the next one gives it back", async (t) => {
  const store = new MemoryStore();
  const clock = new TestClock();
  const first = await MappingLab.start({ store, clock });
  await createPool(first.core, {
    name: "main",
    segmentBytes: SEGMENT,
    devices: [{ path: "/a", sizeBytes: 128 * SEGMENT }],
  });
  await createDisk(first.core, { name: "data", pool: "main", sizeBytes: 128 * SEGMENT });
  await first.addAgents("a");
  await first.expose("data");
  await fill(first, "data", 0, 10);
  t.true(mapped(first, "data") > 10);
  const agent = first.agents.get("a");
  first.close();
  const lab = await MappingLab.start({ store: new MemoryStore(store.entries), media: first.media, clock });
  t.teardown(() => lab.close());
  lab.attach("a", agent);
  await until(() => lab.core.agents.session("a")?.connected === true);
  clock.advance(IDLE_MS);
  await until(() => lab.core.records.ahead.values().length === 0);
  t.deepEqual(await segmentsOf(lab, "data"), upTo(10));
  t.is(await lab.read("a", "data", 9), 10);
  await sound(t, lab);
});

test("every segment of a pool can be written, whatever was allocated ahead for others", async (t) => {
  const lab = await labWith(t, "data", "other", "third");
  await fill(lab, "data", 0, 30);
  await fill(lab, "other", 0, 30);
  t.true(mapped(lab, "data") + mapped(lab, "other") > 60);
  for (let segment = 0; segment < FREE - 60; segment += 1)
    t.is((await lab.write("b", "third", segment, 1)).kind, "ok", `segment ${segment}`);
  const full = await lab.write("b", "third", FREE - 60, 1);
  t.deepEqual(full, { kind: "reported", report: { senseKey: 0x7, asc: 0x27, ascq: 0x07 } });
  t.is(lab.core.space.freeIn("main"), 0);
  await sound(t, lab);
});

test("nothing is taken from agents where I/O is under way: it would have to wait for that", async (t) => {
  const lab = await labWith(t, "data");
  await fill(lab, "data", 0, 10);
  const before = mapped(lab, "data");
  const stuck = Promise.withResolvers<{ kind: "ok" }>();
  void lab.device("b", "data").references.hold(10, 10, stuck.promise);
  await settle(lab);
  t.is(mapped(lab, "data"), before);
  stuck.resolve({ kind: "ok" });
  await settle(lab);
  t.is(mapped(lab, "data"), 10);
  await sound(t, lab);
});

test("nothing is allocated ahead of a thick disk, past the end of a disk, or over what is there", async (t) => {
  const lab = await labWith(t, "data");
  await createDisk(lab.core, { name: "short", pool: "main", sizeBytes: 6 * SEGMENT });
  await lab.expose("short");
  await fill(lab, "short", 0, 5);
  t.is(mapped(lab, "short"), 6);
  await lab.write("a", "data", 8, 200);
  await fill(lab, "data", 0, 8);
  t.deepEqual(await segmentsOf(lab, "data"), upTo(9));
  t.is(await lab.read("b", "data", 8), 200);
  await sound(t, lab);
});
