/** Segments that move while hosts use them (docs/protocol.md, Migration), and devices that go. */
import { check } from "@sanlab/controller/check/check.ts";
import { openDevice, removeDevice } from "@sanlab/controller/devices/removal.ts";
import { createDisk, deleteDisk, describe } from "@sanlab/controller/disks.ts";
import { failSegments, healSegments } from "@sanlab/controller/families/failing.ts";
import { beginOperation, cancelOperation } from "@sanlab/controller/migration/operations.ts";
import type { OperationRecord } from "@sanlab/controller/migration/record.ts";
import { createPool, growPool } from "@sanlab/controller/pools.ts";
import type { DiskRecord } from "@sanlab/controller/records.ts";
import { takeSnapshots } from "@sanlab/controller/snapshots/snapshots.ts";
import { mapOf } from "@sanlab/controller/tables/map.ts";
import test, { type ExecutionContext } from "ava";
import { MappingLab, SEGMENT } from "../../helpers/mapping-lab.ts";
import { MemoryStore } from "../../helpers/memory-store.ts";

/** Pools 'main' on /a and 'other' on /o; disk 'data' of 32 segments through two agents. */
async function startLab(t: ExecutionContext): Promise<MappingLab> {
  const lab = await MappingLab.start({ store: new MemoryStore() });
  t.teardown(() => lab.close());
  for (const [name, path] of [
    ["main", "/a"],
    ["other", "/o"],
  ] as const) {
    await createPool(lab.core, { name, segmentBytes: SEGMENT, devices: [{ path, sizeBytes: 64 * SEGMENT }] });
  }
  await createDisk(lab.core, { name: "data", pool: "main", sizeBytes: 32 * SEGMENT });
  await lab.addAgents("a", "b");
  await lab.expose("data");
  return lab;
}

async function ended({ core }: MappingLab, id: string): Promise<OperationRecord> {
  for (;;) {
    const record = core.records.operations.get(id) as OperationRecord;
    if (record.state !== "running") return record;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function devicesOf({ core }: MappingLab, disk: string): Promise<string[]> {
  return [...new Set((await mapOf(core, disk, {}, false)).map(({ device }) => device as string))].sort();
}

async function sound(t: ExecutionContext, lab: MappingLab): Promise<void> {
  t.deepEqual((await check(lab.core.options.store, lab.core.records)).problems, []);
  t.deepEqual(lab.bugs, []);
}

const used = ({ core }: MappingLab, path: string): number => {
  const device = core.records.devices.values().find((record) => record.path === path);
  return device === undefined ? -1 : core.space.usedOn(device.device);
};

test("a device is emptied while its segments are written, and can be taken out then", async (t) => {
  const lab = await startLab(t);
  const { core } = lab;
  for (let segment = 0; segment < 20; segment += 1) await lab.write("a", "data", segment, segment + 1);
  await takeSnapshots(core, { snapshots: [{ disk: "data", name: "snap" }] });
  await lab.expose("snap");
  await growPool(core, "main", { path: "/b", sizeBytes: 64 * SEGMENT });
  const { id } = await beginOperation(core, { kind: "evacuate", device: "/a" });
  const writes = [];
  for (let round = 0; round < 40; round += 1) {
    writes.push(lab.write(round % 2 === 0 ? "a" : "b", "data", round % 20, 100 + (round % 20)));
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.true((await Promise.all(writes)).every(({ kind }) => kind === "ok"));
  const { state, stayed } = await ended(lab, id);
  t.deepEqual([state, stayed], ["done", []]);
  for (let segment = 0; segment < 20; segment += 1) {
    t.is(await lab.read("a", "data", segment), 100 + segment);
    t.is(await lab.read("b", "snap", segment), segment + 1);
  }
  t.is(used(lab, "/a"), 0);
  await sound(t, lab);
  await removeDevice(core, "/a", "empty");
  t.false(lab.media.devices.has("/a"));
  t.is((await lab.write("a", "data", 31, 7)).kind, "ok");
  t.deepEqual(await devicesOf(lab, "data"), ["/b"]);
  await sound(t, lab);
});

test("a disk moves to another pool with all it shares segments with", async (t) => {
  const lab = await startLab(t);
  const { core } = lab;
  for (const segment of [0, 1, 2]) await lab.write("a", "data", segment, 1);
  await takeSnapshots(core, { snapshots: [{ disk: "data", name: "snap" }] });
  await lab.expose("snap");
  await lab.write("a", "data", 0, 2);
  const { id, total } = await beginOperation(core, { kind: "migrate", disk: "data", pool: "other" });
  t.is(total, 4);
  t.is((await ended(lab, id)).moved, 4);
  for (const disk of ["data", "snap"]) {
    t.deepEqual(await devicesOf(lab, disk), ["/o"]);
    t.like(describe(core, core.records.disks.get(disk) as DiskRecord), { pool: "other", from: null });
  }
  t.deepEqual([await lab.read("b", "data", 0), await lab.read("b", "snap", 0)], [2, 1]);
  t.is((await lab.write("b", "data", 1, 3)).kind, "ok");
  t.deepEqual([await lab.read("a", "data", 1), await lab.read("a", "snap", 1)], [3, 1]);
  t.is(used(lab, "/a"), 0);
  await sound(t, lab);
});

test("what cannot be read stays where it is, is listed, and the rest goes on", async (t) => {
  const lab = await startLab(t);
  const { core } = lab;
  for (const segment of [0, 1, 2]) await lab.write("a", "data", segment, 1);
  const bad = (await mapOf(core, "data", {}, false))[1];
  lab.media.failures.add(`read /a ${bad?.deviceSegment}`);
  const { id } = await beginOperation(core, { kind: "migrate", disk: "data", pool: "other" });
  const { state, moved, stayed } = await ended(lab, id);
  t.deepEqual([state, moved], ["done", 2]);
  t.like(stayed[0], { disks: ["data"], segment: 1 });
  t.deepEqual(await devicesOf(lab, "data"), ["/a", "/o"]);
  t.is((await lab.write("b", "data", 1, 5)).kind, "ok", "it may be written where it is");
  t.is(await lab.read("a", "data", 1), 5);
  await sound(t, lab);
});

test("a rebalanced pool has its segments spread by the sizes of its devices", async (t) => {
  const lab = await startLab(t);
  for (let segment = 0; segment < 24; segment += 1) await lab.write("a", "data", segment, segment + 1);
  await growPool(lab.core, "main", { path: "/b", sizeBytes: 32 * SEGMENT });
  const { id, total } = await beginOperation(lab.core, { kind: "rebalance", pool: "main" });
  t.true(total >= 7 && total <= 8, `${total} are to move`);
  t.like(await ended(lab, id), { state: "done", moved: total });
  t.is(used(lab, "/a") + used(lab, "/b"), 24);
  t.is(used(lab, "/b"), total);
  for (let segment = 0; segment < 24; segment += 1) t.is(await lab.read("b", "data", segment), segment + 1);
  await sound(t, lab);
});

test("an operation that is cancelled leaves what it moved, and the device takes segments again", async (t) => {
  const lab = await startLab(t);
  const { core } = lab;
  for (let segment = 0; segment < 24; segment += 1) await lab.write("a", "data", segment, segment + 1);
  await growPool(core, "main", { path: "/b", sizeBytes: 64 * SEGMENT });
  // So slow that it cannot end by itself.
  const { id } = await beginOperation(core, { kind: "evacuate", device: "/a", rate: SEGMENT });
  while (used(lab, "/b") === 0) await new Promise((resolve) => setImmediate(resolve));
  await cancelOperation(core, id);
  t.is(core.records.operations.get(id)?.state, "cancelled");
  t.is(core.records.devices.values().find(({ path }) => path === "/a")?.closed, undefined);
  for (let segment = 0; segment < 24; segment += 1) t.is(await lab.read("b", "data", segment), segment + 1);
  await sound(t, lab);
});

test("an operation that cannot succeed is refused before anything moves", async (t) => {
  const lab = await startLab(t);
  const { core } = lab;
  await lab.write("a", "data", 0, 1);
  await createPool(core, {
    name: "wide",
    segmentBytes: 2 * SEGMENT,
    devices: [{ path: "/w", sizeBytes: 64 * SEGMENT }],
  });
  await t.throwsAsync(beginOperation(core, { kind: "migrate", disk: "data", pool: "wide" }), {
    message: /choose a pool of the same segment size/,
  });
  await t.throwsAsync(beginOperation(core, { kind: "evacuate", device: "/a" }), {
    message: /has 0 free segments .+; grow it first/,
  });
  await t.throwsAsync(removeDevice(core, "/a", "force"), { message: /is the only device of pool 'main'/ });
  t.is((await lab.write("a", "data", 1, 1)).kind, "ok");
  await sound(t, lab);
});

test("segments that are said to fail do so with the sense given, and are as they were when that is taken back", async (t) => {
  const lab = await startLab(t);
  const { core } = lab;
  await lab.write("a", "data", 1, 7);
  const free = core.space.freeIn("main");
  const sense = { senseKey: 4, asc: 0x44, ascq: 0 };
  t.deepEqual(await failSegments(core, "data", { first: 1, count: 2, sense }), { changed: 2 });
  const failed = { kind: "reported", report: sense } as const;
  for (const segment of [1, 2]) t.deepEqual(await lab.write("b", "data", segment, 8), failed);
  t.deepEqual(await lab.device("a", "data").read(SEGMENT, Buffer.alloc(512)), failed);
  t.deepEqual(
    (await mapOf(core, "data", {}, false)).map(({ segment, state }) => [segment, state]),
    [
      [1, "E"],
      [2, "E Z"],
    ],
  );
  await healSegments(core, "data", { first: 0, count: 32 });
  t.deepEqual([await lab.read("a", "data", 1), await lab.read("a", "data", 2)], [7, 0]);
  t.is(core.space.freeIn("main"), free);
  t.is((await lab.write("b", "data", 1, 9)).kind, "ok");
  t.is(await lab.read("a", "data", 1), 9);
  await sound(t, lab);
});

test("a device taken out by force makes what lies there fail, and what was there is there again when it is back", async (t) => {
  const lab = await startLab(t);
  const { core } = lab;
  for (const segment of [0, 1]) await lab.write("a", "data", segment, 1);
  await growPool(core, "main", { path: "/b", sizeBytes: 256 * SEGMENT });
  for (const segment of [2, 3]) await lab.write("a", "data", segment, 2);
  await t.throwsAsync(removeDevice(core, "/a", "empty"), {
    message: /holds \d+ segments; evacuate it first, or force it/,
  });
  await removeDevice(core, "/a", "force");
  const rows = await mapOf(core, "data", {}, false);
  const lost = rows.filter(({ device }) => device === "/a").map(({ segment }) => segment);
  t.true(lost.includes(0) && lost.includes(1));
  for (const { segment, device } of rows) {
    const { kind } = await lab.device("b", "data").read(segment * SEGMENT, Buffer.alloc(SEGMENT));
    t.is(kind, device === "/a" ? "reported" : "ok");
  }
  t.is((await lab.write("a", "data", 9, 3)).kind, "ok", "the rest of the disk goes on");
  await sound(t, lab);
  await openDevice(core, "/a");
  t.deepEqual([await lab.read("a", "data", 0), await lab.read("b", "data", 1)], [1, 1]);
  t.is((await lab.write("a", "data", 0, 4)).kind, "ok");
  await core.records.exports.remove(core.options.store, "host/data");
  await deleteDisk(core, "data");
  t.is(used(lab, "/a") + used(lab, "/b"), 0);
  await sound(t, lab);
});
