/** Operations that fail, are cancelled at bad moments, and whose pool is gone: all of them end, and say so. */
import { check } from "@sanlab/controller/check/check.ts";
import { createDisk, deleteDisk } from "@sanlab/controller/disks.ts";
import { beginOperation, cancelOperation } from "@sanlab/controller/migration/operations.ts";
import type { OperationRecord } from "@sanlab/controller/migration/record.ts";
import { createPool, deletePool, growPool } from "@sanlab/controller/pools.ts";
import { goOn } from "@sanlab/controller/recovery.ts";
import test, { type ExecutionContext } from "ava";
import { MappingLab, SEGMENT } from "../../helpers/mapping-lab.ts";
import { FailingStore, MemoryStore } from "../../helpers/memory-store.ts";

/** Pool 'main' on /a, which disk 'data' fills in part, and on an empty /b. */
async function startLab(t: ExecutionContext, store: MemoryStore): Promise<MappingLab> {
  const lab = await MappingLab.start({ store });
  t.teardown(() => lab.close());
  const { core } = lab;
  await createPool(core, { name: "main", segmentBytes: SEGMENT, devices: [{ path: "/a", sizeBytes: 64 * SEGMENT }] });
  await createDisk(core, { name: "data", pool: "main", sizeBytes: 32 * SEGMENT });
  await lab.addAgents("a", "b");
  await lab.expose("data");
  for (let segment = 0; segment < 20; segment += 1) await lab.write("a", "data", segment, segment + 1);
  await growPool(core, "main", { path: "/b", sizeBytes: 64 * SEGMENT });
  // Nothing but the segments that are to move.
  await core.ahead.settle();
  return lab;
}

const recordOf = ({ core }: MappingLab, id: string) => core.records.operations.get(id) as OperationRecord;
const isClosed = ({ core }: MappingLab, path: string) =>
  core.records.devices.values().find((device) => device.path === path)?.closed === true;

async function idle({ core }: MappingLab): Promise<void> {
  while (core.working.size > 0) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** Whether a transaction changes tables, as one does that moves segments. */
const moves = ({ puts = [] }: { puts?: readonly (readonly [string, Uint8Array])[] }) =>
  puts.some(([key]) => key.startsWith("chunk/")) && puts.some(([key]) => key.startsWith("releasing/"));

test("an operation whose step cannot be committed has failed with the reason, and goes on when it is begun again", async (t) => {
  const store = new FailingStore();
  const lab = await startLab(t, store);
  store.fails = moves;
  const { id } = await beginOperation(lab.core, { kind: "evacuate", device: "/a" });
  await idle(lab);
  t.like(recordOf(lab, id), { state: "failed", moved: 0 });
  t.regex(recordOf(lab, id).problem ?? "", /the disk is full.*begin again/);
  t.false(isClosed(lab, "/a"), "its device takes segments again");
  t.is(lab.bugs.splice(0).length, 1, "and the log says what happened");
  t.is((await lab.write("b", "data", 3, 99)).kind, "ok");

  store.fails = () => false;
  const again = await beginOperation(lab.core, { kind: "evacuate", device: "/a" });
  await idle(lab);
  t.is(recordOf(lab, again.id).state, "done");
  t.is(await lab.read("a", "data", 3), 99);
  t.deepEqual((await check(store, lab.core.records)).problems, []);
  t.deepEqual(lab.bugs, []);
});

test("an operation whose end cannot be recorded either is told of, cancelled, and gone on with by the next controller", async (t) => {
  const store = new FailingStore();
  const lab = await startLab(t, store);
  const { id } = await beginOperation(lab.core, { kind: "evacuate", device: "/a", rate: SEGMENT });
  store.fails = () => true;
  // It pauses after its first segments.
  for (const end = performance.now() + 30_000; lab.core.working.size > 0 && performance.now() < end; )
    await new Promise((resolve) => setTimeout(resolve, 20));
  t.is(recordOf(lab, id).state, "failed");
  t.true(lab.bugs.length > 0);
  lab.close();

  const next = await MappingLab.start({ store: new MemoryStore(store.entries), media: lab.media });
  t.teardown(() => next.close());
  for (const [name, agent] of lab.agents) next.attach(name, agent);
  t.is(recordOf(next, id).state, "running");
  await goOn(next.core);
  await cancelOperation(next.core, id);
  await idle(next);
  t.is(recordOf(next, id).state, "cancelled");
  t.false(isClosed(next, "/a"));
  t.deepEqual(next.bugs, []);
});

test("an operation may be cancelled twice, at once or while its last segments move, and only then be forgotten", async (t) => {
  const lab = await startLab(t, new MemoryStore());
  const { core } = lab;
  const { id } = await beginOperation(core, { kind: "evacuate", device: "/a" });
  await Promise.all([cancelOperation(core, id), cancelOperation(core, id)]);
  t.is(recordOf(lab, id).state, "cancelled", "it is not forgotten while something works at it");
  await idle(lab);
  t.is(recordOf(lab, id).state, "cancelled");
  t.deepEqual(lab.bugs, []);
  await cancelOperation(core, id);
  t.false(core.records.operations.has(id));
  await t.throwsAsync(cancelOperation(core, id), { message: /no operation/ });
  for (let segment = 0; segment < 20; segment += 1) t.is(await lab.read("b", "data", segment), segment + 1);
});

test("cancelled at any moment an operation is cancelled with its device open, or done with it closed", async (t) => {
  for (let turns = 0; turns < 60; turns += 1) {
    const lab = await startLab(t, new MemoryStore());
    const { core } = lab;
    const { id } = await beginOperation(core, { kind: "evacuate", device: "/a" });
    // As the commits of the last steps and of the end come and go.
    while (core.working.size > 0 && recordOf(lab, id).state === "running" && core.space.usedOn(1) > turns % 20)
      await new Promise((resolve) => setImmediate(resolve));
    for (let turn = 0; turn < turns / 4; turn += 1) await Promise.resolve();
    if (recordOf(lab, id).state === "running") await cancelOperation(core, id);
    await idle(lab);
    const { state } = recordOf(lab, id);
    t.true(state === "cancelled" || state === "done", state);
    t.is(isClosed(lab, "/a"), state === "done");
    t.deepEqual(lab.bugs, []);
    lab.close();
  }
});

test("while a disk is on its way out of a pool, nothing else moves segments of that pool", async (t) => {
  const lab = await startLab(t, new MemoryStore());
  const { core } = lab;
  const other = [{ path: "/o", sizeBytes: 64 * SEGMENT }];
  await createPool(core, { name: "other", segmentBytes: SEGMENT, devices: other });
  const { id } = await beginOperation(core, { kind: "migrate", disk: "data", pool: "other", rate: SEGMENT });
  const message = new RegExp(`Operation ${id} \\(migrate\\) is moving segments`);
  await t.throwsAsync(beginOperation(core, { kind: "evacuate", device: "/a" }), { message });
  await t.throwsAsync(beginOperation(core, { kind: "rebalance", pool: "main" }), { message });
  await cancelOperation(core, id);
  await idle(lab);
});

test("a pool that an operation works at is not deleted; an operation whose pool is gone has failed at the next start", async (t) => {
  const store = new MemoryStore();
  const lab = await startLab(t, store);
  const { core } = lab;
  const { id } = await beginOperation(core, { kind: "evacuate", device: "/a", rate: SEGMENT });
  await core.records.exports.remove(store, "host/data");
  await deleteDisk(core, "data");
  await t.throwsAsync(deletePool(core, "main"), { message: /is moving segments of pool 'main'; cancel it first/ });
  await cancelOperation(core, id);
  await deletePool(core, "main");
  // As an earlier version could leave it behind.
  const orphan: OperationRecord = { ...recordOf(lab, id), state: "running", task: { kind: "rebalance", pool: "gone" } };
  await core.records.operations.save(store, id, orphan);
  lab.close();

  const next = await MappingLab.start({ store: new MemoryStore(store.entries), media: lab.media });
  t.teardown(() => next.close());
  await goOn(next.core);
  await idle(next);
  t.like(recordOf(next, id), { state: "failed", problem: "Pool 'gone' is there no more." });
  t.deepEqual(next.bugs, []);
});
