/**
 * The controller dies at each of its commits in turn, once before the commit is durable and once
 * after: what the next one finds is consistent, nothing has leaked, and it can go on.
 */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { check } from "@sanlab/controller/check/check.ts";
import { ControllerCore } from "@sanlab/controller/core.ts";
import { fileMedia } from "@sanlab/controller/devices/medium.ts";
import { createDisk, deleteDisk, resizeDisk } from "@sanlab/controller/disks.ts";
import { createPool, deletePool, growPool } from "@sanlab/controller/pools.ts";
import { undoOperations } from "@sanlab/controller/recovery.ts";
import test, { type ExecutionContext } from "ava";
import { Crash, type CrashAt, MemoryStore } from "../helpers/memory-store.ts";

const MIB = 1024 * 1024;

type Step = (core: ControllerCore, directory: string) => Promise<unknown>;

/** An administrator's morning: everything that takes more than one commit, and what hosts cause between. */
const STEPS: readonly Step[] = [
  (core, directory) =>
    createPool(core, {
      name: "main",
      segmentBytes: MIB,
      devices: [{ path: join(directory, "a.img"), sizeBytes: 24 * MIB }],
    }),
  (core) => createDisk(core, { name: "thin", pool: "main", sizeBytes: 64 * MIB }),
  (core) => createDisk(core, { name: "thick", pool: "main", sizeBytes: 8 * MIB, thick: true }),
  (core) => mapped(core, "thin", [0, 1, 2, 40]),
  (core) => core.space.unmap("thin", 1, 2),
  (core) => mapped(core, "thin", [1]),
  (core) => resizeDisk(core, "thin", 80 * MIB),
  (core, directory) => growPool(core, "main", { path: join(directory, "b.img"), sizeBytes: 24 * MIB }),
  (core) => deleteDisk(core, "thick"),
  (core) => mapped(core, "thin", [60, 61, 62, 63]),
  (core) => deleteDisk(core, "thin"),
  (core) => deletePool(core, "main"),
];

async function mapped(core: ControllerCore, disk: string, segments: readonly number[]): Promise<void> {
  const locations = await core.space.allocate("main", segments.length);
  if (locations === undefined) throw new Error("the pool is full");
  await core.space.map(disk, segments, locations);
}

for (const when of ["before", "after"] as const) {
  test(`a controller that dies right ${when} any commit is followed by one that finds everything in order`, async (t) => {
    t.timeout(180_000);
    for (let commit = 0; ; commit += 1) {
      const died = await live(t, { commit, when });
      if (died) continue;
      t.true(commit > STEPS.length, `${commit} commits were died at`);
      return;
    }
  });
}

/** One life until the crash, and the next one; false where it ended without a crash. */
async function live(t: ExecutionContext, crashAt: CrashAt): Promise<boolean> {
  const directory = await mkdtemp(join(tmpdir(), "sanlab-crash-"));
  try {
    const store = new MemoryStore(new Map(), crashAt);
    const died = await diesOf(store, directory);
    await assertSound(t, store, directory, `commit ${crashAt.commit}`);
    return died;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function diesOf(store: MemoryStore, directory: string): Promise<boolean> {
  let core: ControllerCore | undefined;
  try {
    core = await start(store);
    for (const step of STEPS) await step(core, directory);
    return false;
  } catch (error) {
    if (error instanceof Crash) return true;
    throw error;
  } finally {
    core?.close();
  }
}

async function assertSound(t: ExecutionContext, crashed: MemoryStore, directory: string, label: string): Promise<void> {
  const store = new MemoryStore(crashed.entries);
  const core = await start(store);
  try {
    await undoOperations(core);
    t.deepEqual((await check(store, core.records)).problems, [], label);
    t.deepEqual(
      core.records.disks.values().filter(({ operation }) => operation !== "none"),
      [],
      label,
    );
    const used = (await store.range("segment/")).length;
    for (const { name } of core.records.pools.values()) {
      // The first segment of each device has its label.
      const total = core.records.devices.values().reduce((sum, { segments }) => sum + segments - 1, 0);
      t.is(core.allocator.freeIn(name), total - used, `${label}: what is not recorded as used is free`);
    }
    await createPool(core, {
      name: "next",
      segmentBytes: MIB,
      devices: [{ path: join(directory, "c.img"), sizeBytes: 8 * MIB }],
    });
    await createDisk(core, { name: "next", pool: "next", sizeBytes: 4 * MIB, thick: true });
    t.deepEqual((await check(store, core.records)).problems, [], `${label}, and after`);
  } finally {
    core.close();
  }
}

function start(store: MemoryStore): Promise<ControllerCore> {
  return ControllerCore.start({
    store,
    labName: "test",
    fencer: { fence: () => Promise.reject(new Error("there is no agent to fence")), hasEnded: () => true },
    clock: { nowMs: () => 0, after: () => () => undefined },
    mediumSource: fileMedia,
    newId: randomUUID,
    drainLimitMs: 1000,
    log: () => undefined,
  });
}
