/** Snapshots through real agents in one process (docs/protocol.md, Snapshot). */

import { check } from "@sanlab/controller/check/check.ts";
import { createDisk, deleteDisk, describe } from "@sanlab/controller/disks.ts";
import { createPool } from "@sanlab/controller/pools.ts";
import type { DiskRecord } from "@sanlab/controller/records.ts";
import { goOn } from "@sanlab/controller/recovery.ts";
import { restoreDisk } from "@sanlab/controller/snapshots/restore.ts";
import { takeSnapshots } from "@sanlab/controller/snapshots/snapshots.ts";
import type { Transaction } from "@sanlab/controller/store/store.ts";
import { mapOf } from "@sanlab/controller/tables/map.ts";
import { unitId } from "@sanlab/controller/units/unit.ts";
import test, { type ExecutionContext } from "ava";
import { MappingLab, SEGMENT } from "../../helpers/mapping-lab.ts";
import { Crash, MemoryStore } from "../../helpers/memory-store.ts";

/** Two agents, a pool of 63 segments, and these disks of 32 segments each. */
async function labWith(t: ExecutionContext, ...disks: string[]): Promise<MappingLab> {
  return labOn(t, new MemoryStore(), ...disks);
}

async function labOn(t: ExecutionContext, store: MemoryStore, ...disks: string[]): Promise<MappingLab> {
  const lab = await MappingLab.start({ store });
  t.teardown(() => lab.close());
  await createPool(lab.core, {
    name: "main",
    segmentBytes: SEGMENT,
    devices: [{ path: "/a", sizeBytes: 64 * SEGMENT }],
  });
  for (const name of disks) await createDisk(lab.core, { name, pool: "main", sizeBytes: 32 * SEGMENT });
  await lab.addAgents("a", "b");
  await lab.expose(...disks);
  return lab;
}

async function snapshot(lab: MappingLab, disk: string, ...names: string[]): Promise<void> {
  for (const name of names) {
    await takeSnapshots(lab.core, { snapshots: [{ disk, name }] });
    await lab.expose(name);
  }
}

async function sound(t: ExecutionContext, lab: MappingLab): Promise<void> {
  t.deepEqual((await check(lab.core.options.store, lab.core.records)).problems, []);
  t.deepEqual(lab.bugs, []);
}

function space({ core }: MappingLab, disk: string): [mapped: number, shared: number, own: number] {
  const { mappedSegments, sharedSegments, ownSegments } = describe(core, core.records.disks.get(disk) as DiskRecord);
  return [mappedSegments, sharedSegments, ownSegments];
}

test("a snapshot holds what its disk held, whatever is written to either through any agent", async (t) => {
  const lab = await labWith(t, "data");
  for (const segment of [0, 1, 2]) await lab.write("a", "data", segment, 1);
  await snapshot(lab, "data", "snap");
  await lab.write("a", "data", 0, 2);
  await lab.write("b", "data", 1, 3);
  await lab.write("b", "snap", 2, 4);
  for (const agent of ["a", "b"]) {
    t.deepEqual(await Promise.all([0, 1, 2, 3].map((segment) => lab.read(agent, "data", segment))), [2, 3, 1, 0]);
    t.deepEqual(await Promise.all([0, 1, 2, 3].map((segment) => lab.read(agent, "snap", segment))), [1, 1, 4, 0]);
  }
  await sound(t, lab);
});

test("a write of part of a shared segment leaves the rest of it as it was, in all who held it", async (t) => {
  const lab = await labWith(t, "data");
  await lab.write("a", "data", 5, 1);
  await snapshot(lab, "data", "snap", "other");
  await lab.write("a", "data", 5, 9, 4096);
  const into = Buffer.alloc(SEGMENT);
  await lab.device("b", "data").read(5 * SEGMENT, into);
  t.true(into.subarray(0, 4096).equals(Buffer.alloc(4096, 9)));
  t.true(into.subarray(4096).equals(Buffer.alloc(SEGMENT - 4096, 1)));
  t.is(await lab.read("a", "snap", 5), 1);
  t.is(await lab.read("b", "other", 5), 1);
});

test("the disk that faults keeps its place, and all others move to one copy (steps 550 and 560)", async (t) => {
  const lab = await labWith(t, "data");
  await lab.write("a", "data", 0, 1);
  const [before] = await mapOf(lab.core, "data", {}, false);
  await snapshot(lab, "data", "one", "two", "three");
  t.deepEqual(
    (await mapOf(lab.core, "data", {}, false)).map(({ state, holders }) => [state, holders]),
    [["Nw", ["data", "one", "two", "three"]]],
  );
  await lab.write("b", "data", 0, 2);
  const [after] = await mapOf(lab.core, "data", {}, false);
  t.deepEqual([after?.deviceSegment, after?.state, after?.holders], [before?.deviceSegment, "", ["data"]]);
  const [copy] = await mapOf(lab.core, "two", {}, false);
  t.deepEqual([copy?.state, copy?.holders], ["Nw", ["two", "one", "three"]]);
  t.not(copy?.deviceSegment, before?.deviceSegment);
  t.is(
    lab.core.records.usage.values().reduce((sum, { mapped }) => sum + mapped, 0),
    4,
  );
  t.is(lab.core.space.freeIn("main"), 61);
  await sound(t, lab);
});

test("space is told exactly: own, shared, and what is free again after a deletion, in any order", async (t) => {
  const lab = await labWith(t, "data");
  const { core } = lab;
  for (const segment of [0, 1, 2, 3]) await lab.write("a", "data", segment, 1);
  await snapshot(lab, "data", "one");
  await lab.write("a", "data", 0, 2);
  await snapshot(lab, "data", "two");
  await lab.write("a", "data", 1, 3);
  t.deepEqual(space(lab, "data"), [4, 3, 1]);
  t.deepEqual(space(lab, "one"), [4, 3, 1]);
  t.deepEqual(space(lab, "two"), [4, 4, 0]);
  for (const name of ["data", "one", "two"]) {
    const free = core.space.freeIn("main");
    const [, , own] = space(lab, name);
    await core.records.exports.remove(core.options.store, `host/${name}`);
    await deleteDisk(core, name);
    t.is(core.space.freeIn("main"), free + own, name);
    await sound(t, lab);
  }
  t.is(core.space.freeIn("main"), 63);
});

test("snapshots of snapshots may be written and deleted in any order", async (t) => {
  const lab = await labWith(t, "data");
  const { core } = lab;
  await lab.write("a", "data", 0, 1);
  await snapshot(lab, "data", "child");
  await lab.write("a", "child", 1, 2);
  await snapshot(lab, "child", "grandchild");
  await lab.write("b", "grandchild", 0, 3);
  await core.records.exports.remove(core.options.store, "host/child");
  await deleteDisk(core, "child");
  t.deepEqual([await lab.read("a", "data", 0), await lab.read("a", "data", 1)], [1, 0]);
  t.deepEqual([await lab.read("a", "grandchild", 0), await lab.read("a", "grandchild", 1)], [3, 2]);
  t.deepEqual(space(lab, "data"), [1, 0, 1]);
  t.deepEqual(space(lab, "grandchild"), [2, 0, 2]);
  await sound(t, lab);
});

test("disks of one request are taken at one instant: no write is in one and missing from another that came first", async (t) => {
  const lab = await labWith(t, "data", "log");
  let stop = false;
  // Data is written only after the log of it: a later value in data than in log cannot be at any instant.
  const writer = (async () => {
    for (let byte = 1; !stop; byte += 1) {
      await lab.write("a", "log", 0, byte);
      await lab.write("b", "data", 0, byte);
    }
  })();
  for (let round = 0; round < 5; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    const pairs = [
      { disk: "data", name: `data-${round}` },
      { disk: "log", name: `log-${round}` },
    ];
    await takeSnapshots(lab.core, { snapshots: pairs });
  }
  stop = true;
  await writer;
  await lab.expose(...lab.core.records.disks.values().flatMap(({ name }) => (/-\d$/.test(name) ? [name] : [])));
  for (let round = 0; round < 5; round += 1) {
    const [log, data] = [await lab.read("a", `log-${round}`, 0), await lab.read("a", `data-${round}`, 0)];
    t.true(log === data || log === data + 1, `round ${round}: log ${log}, data ${data}`);
  }
  await sound(t, lab);
});

test("a copy whose source cannot be read fails the write with MEDIUM ERROR, and changes nothing", async (t) => {
  const lab = await labWith(t, "data");
  await lab.write("a", "data", 0, 1);
  await snapshot(lab, "data", "snap");
  const [row] = await mapOf(lab.core, "data", {}, false);
  const free = lab.core.space.freeIn("main");
  lab.media.failures.add(`read /a ${row?.deviceSegment}`);
  const result = await lab.write("a", "data", 0, 2);
  t.deepEqual(result, { kind: "reported", report: { senseKey: 3, asc: 0x11, ascq: 0 } });
  t.deepEqual([await lab.read("a", "data", 0), await lab.read("a", "snap", 0)], [1, 1]);
  t.is(lab.core.space.freeIn("main"), free);
  lab.media.failures.clear();
  t.is((await lab.write("a", "data", 0, 2)).kind, "ok");
  await sound(t, lab);
});

test("a write that finds the pool full fails, and its disk and snapshots are as they were", async (t) => {
  const lab = await labWith(t, "data", "filler");
  await lab.write("a", "data", 0, 1);
  await snapshot(lab, "data", "snap");
  const giveBack = lab.core.space.occupy("main");
  t.deepEqual(await lab.write("a", "data", 0, 2), {
    kind: "reported",
    report: { senseKey: 7, asc: 0x27, ascq: 7 },
  });
  t.is(await lab.read("b", "snap", 0), 1);
  giveBack();
  t.is((await lab.write("a", "data", 0, 2)).kind, "ok");
  t.is(await lab.read("b", "snap", 0), 1);
  await sound(t, lab);
});

test("a disk that is restored is what its snapshot is, through every agent, and what it alone held is free", async (t) => {
  const lab = await labWith(t, "data");
  const { core } = lab;
  for (const segment of [0, 1]) await lab.write("a", "data", segment, 1);
  await snapshot(lab, "data", "snap");
  await lab.write("a", "data", 0, 2);
  await lab.write("b", "data", 5, 3);
  const free = core.space.freeIn("main");
  await restoreDisk(core, "data", "snap", false);
  for (const agent of ["a", "b"]) {
    t.deepEqual(await Promise.all([0, 1, 5].map((segment) => lab.read(agent, "data", segment))), [1, 1, 0]);
  }
  t.is(core.space.freeIn("main"), free + 2);
  t.deepEqual(
    [space(lab, "data"), space(lab, "snap")],
    [
      [2, 2, 0],
      [2, 2, 0],
    ],
  );
  t.is(core.records.disks.values().length, 2);
  await lab.write("b", "data", 0, 4);
  await lab.write("a", "snap", 1, 5);
  t.deepEqual([await lab.read("a", "data", 0), await lab.read("b", "data", 1)], [4, 1]);
  t.deepEqual([await lab.read("b", "snap", 0), await lab.read("b", "snap", 1)], [1, 5]);
  await t.throwsAsync(restoreDisk(core, "data", "data", true), { message: /is no snapshot or clone of disk 'data'/ });
  await sound(t, lab);
});

/** Dies right after the transaction in which the disk has its snapshot's entries. */
class DiesRestoring extends MemoryStore {
  override async commit(transaction: Transaction): Promise<boolean> {
    const done = await super.commit(transaction);
    if (transaction.puts?.some(([key]) => key.startsWith("disk/~"))) throw new Crash("the controller is dead");
    return done;
  }
}

test("hosts hear of a restored disk although the controller dies right after it is one", async (t) => {
  const store = new DiesRestoring();
  const lab = await labOn(t, store, "data");
  await lab.write("a", "data", 0, 1);
  await snapshot(lab, "data", "snap");
  await lab.write("a", "data", 0, 2);
  await t.throwsAsync(restoreDisk(lab.core, "data", "snap", false), { instanceOf: Crash });
  lab.close();
  const next = await MappingLab.start({ store: new MemoryStore(store.entries), media: lab.media });
  t.teardown(() => next.close());
  for (const [name, agent] of lab.agents) next.attach(name, agent);
  await goOn(next.core);
  t.is(await next.read("b", "data", 0), 1);
  const unit = unitId(next.core.records.disks.get("data") as DiskRecord);
  t.like(next.core.records.units.get(unit)?.latest.at(-1), { notices: [{ to: "all", asc: 0x28, ascq: 0 }] });
  await sound(t, next);
});

test("a read-only snapshot takes no write", async (t) => {
  const lab = await labWith(t, "data");
  await lab.write("a", "data", 0, 1);
  await takeSnapshots(lab.core, { snapshots: [{ disk: "data", name: "snap" }], readOnly: true });
  await lab.expose("snap");
  t.deepEqual(await lab.write("a", "snap", 0, 2), { kind: "reported", report: { senseKey: 7, asc: 0x27, ascq: 0 } });
  t.is(await lab.read("a", "snap", 0), 1);
});

test("UNMAP of a shared segment gives nothing back while others hold it, and all when the last lets go", async (t) => {
  const lab = await labWith(t, "data");
  const { core } = lab;
  await lab.write("a", "data", 0, 1);
  await snapshot(lab, "data", "snap");
  await lab.device("a", "data").unmap(0, SEGMENT);
  t.deepEqual([await lab.read("b", "data", 0), await lab.read("b", "snap", 0)], [0, 1]);
  t.is(core.space.freeIn("main"), 62);
  await lab.device("b", "snap").unmap(0, SEGMENT);
  t.is(core.space.freeIn("main"), 63);
  t.is(await lab.read("a", "snap", 0), 0);
  await sound(t, lab);
});

test("zeros over whole shared segments change the table alone: nothing is copied, and the others keep what was there", async (t) => {
  const lab = await labWith(t, "data");
  const { core } = lab;
  // Backwards, so that nothing is allocated ahead.
  for (const segment of [2, 1, 0]) await lab.write("a", "data", segment, segment + 1);
  await snapshot(lab, "data", "snap");
  for (const segment of [0, 1, 2]) await lab.read("a", "data", segment);
  const before = core.space.freeIn("main");
  const half = SEGMENT / 2;
  const zeroed = await lab.device("a", "data").writeZeroes(half, 2 * SEGMENT, { fua: true });
  t.is(zeroed.kind, "ok");
  t.is(core.space.freeIn("main"), before - 2, "only the two of which halves were zeroed were copied");
  const found = Buffer.alloc(3 * SEGMENT);
  await lab.device("b", "data").read(0, found);
  const expected = Buffer.concat([Buffer.alloc(half, 1), Buffer.alloc(2 * SEGMENT), Buffer.alloc(half, 3)]);
  t.deepEqual(found, expected);
  for (const segment of [0, 1, 2]) t.is(await lab.read("b", "snap", segment), segment + 1);
  await sound(t, lab);
});
