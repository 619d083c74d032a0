/** Operations that begin while something of what they are about is under way. */
import { check } from "@sanlab/controller/check/check.ts";
import { removeDevice } from "@sanlab/controller/devices/removal.ts";
import { createDisk, resizeDisk } from "@sanlab/controller/disks.ts";
import { failSegments, healSegments } from "@sanlab/controller/families/failing.ts";
import { beginOperation, cancelOperation } from "@sanlab/controller/migration/operations.ts";
import { createPool, deletePool, growPool } from "@sanlab/controller/pools.ts";
import { takeSnapshots } from "@sanlab/controller/snapshots/snapshots.ts";
import type { Transaction } from "@sanlab/controller/store/store.ts";
import { mapOf } from "@sanlab/controller/tables/map.ts";
import test, { type ExecutionContext } from "ava";
import { MappingLab, SEGMENT } from "../../helpers/mapping-lab.ts";
import { MemoryStore } from "../../helpers/memory-store.ts";

/** Holds transactions that put a key with one of these beginnings, until they are released. */
class SlowStore extends MemoryStore {
  readonly #gates = new Map<
    string,
    { readonly reached: PromiseWithResolvers<void>; readonly open: PromiseWithResolvers<void> }
  >();

  hold(...prefixes: string[]): void {
    for (const prefix of prefixes)
      this.#gates.set(prefix, { reached: Promise.withResolvers(), open: Promise.withResolvers() });
  }
  reached(prefix: string): Promise<void> | undefined {
    return this.#gates.get(prefix)?.reached.promise;
  }
  release(prefix: string): void {
    this.#gates.get(prefix)?.open.resolve();
    this.#gates.delete(prefix);
  }

  override async commit(transaction: Transaction): Promise<boolean> {
    for (const [prefix, gate] of this.#gates) {
      if (transaction.puts?.some(([key]) => key.startsWith(prefix)) !== true) continue;
      gate.reached.resolve();
      await gate.open.promise;
    }
    return super.commit(transaction);
  }
}

async function startLab(t: ExecutionContext, store = new MemoryStore()): Promise<MappingLab> {
  const lab = await MappingLab.start({ store });
  t.teardown(() => lab.close());
  for (const [name, path] of [
    ["main", "/a"],
    ["other", "/o"],
  ] as const) {
    await createPool(lab.core, { name, segmentBytes: SEGMENT, devices: [{ path, sizeBytes: 16 * SEGMENT }] });
  }
  await createDisk(lab.core, { name: "data", pool: "main", sizeBytes: 8 * SEGMENT });
  await lab.addAgents("a", "b");
  await lab.expose("data");
  return lab;
}

async function done({ core }: MappingLab, id: string): Promise<void> {
  while (core.records.operations.get(id)?.state === "running") await new Promise((resolve) => setTimeout(resolve, 5));
}

test("a disk moves with what its very first write is about to map", async (t) => {
  const store = new SlowStore();
  const lab = await startLab(t, store);
  const { core } = lab;
  store.hold("reserve/main", "root/");
  const written = lab.write("a", "data", 1, 7);
  // It has chosen its place, and is about to map it: meanwhile the operation begins.
  await store.reached("reserve/main");
  const begun = core.administer(() => beginOperation(core, { kind: "migrate", disk: "data", pool: "other" }));
  store.release("reserve/main");
  await store.reached("root/");
  for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
  store.release("root/");
  await done(lab, (await begun).id);
  t.is((await written).kind, "ok");
  t.deepEqual(
    (await mapOf(core, "data", {}, false)).map(({ device }) => device),
    ["/o"],
  );
  t.is(await lab.read("b", "data", 1), 7);
  t.deepEqual(lab.bugs, []);
});

test("what is given back to a device that is being emptied is set aside for nobody", async (t) => {
  const lab = await startLab(t);
  const { core } = lab;
  await growPool(core, "main", { path: "/b", sizeBytes: 16 * SEGMENT });
  const taken = (await core.space.reserve.take("main", 4)) ?? [];
  const device = taken[0]?.device as number;
  await done(lab, (await beginOperation(core, { kind: "evacuate", device: String(device) })).id);
  await core.space.giveBack("main", taken);
  t.is(core.space.reserve.idleOn(device), 0);
  t.is(core.space.usedOn(device), 0);
  t.deepEqual((await check(core.options.store, core.records)).problems, []);
});

test("a device that was taken out by force cannot be emptied, and stays out", async (t) => {
  const lab = await startLab(t);
  const { core } = lab;
  await lab.write("a", "data", 0, 3);
  await growPool(core, "main", { path: "/b", sizeBytes: 16 * SEGMENT });
  await removeDevice(core, "/a", "force");
  const evacuated = beginOperation(core, { kind: "evacuate", device: "/a" });
  await t.throwsAsync(evacuated, { message: /\/a is not there/ });
  const record = core.records.devices.values().find(({ path }) => path === "/a");
  t.like(record, { removed: true, closed: true });
});

test("UNMAP of segments that fail fails with their sense, and they hold what they held", async (t) => {
  const lab = await startLab(t);
  const { core } = lab;
  await lab.write("a", "data", 2, 5);
  await failSegments(core, "data", { first: 2, count: 1 });
  const unmap = (agent: string) => lab.orDeath(Promise.resolve(lab.device(agent, "data").unmap(0, 8 * SEGMENT)));
  t.is((await unmap("a")).kind, "reported");
  t.is((await unmap("b")).kind, "reported");
  await healSegments(core, "data", { first: 2, count: 1 });
  t.is(await lab.read("b", "data", 2), 5);
});

test("what is asked while a disk arrives in its pool is asked of the disk as it is then", async (t) => {
  const store = new SlowStore();
  const lab = await startLab(t, store);
  const { core } = lab;
  await lab.write("a", "data", 1, 7);
  const { id } = await beginOperation(core, { kind: "migrate", disk: "data", pool: "other" });
  store.hold("operation/");
  await store.reached("operation/");
  const taken = takeSnapshots(core, { snapshots: [{ disk: "data", name: "kept" }] });
  const resized = resizeDisk(core, "data", 12 * SEGMENT);
  for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
  store.release("operation/");
  await Promise.all([taken, resized, done(lab, id)]);
  t.like(core.records.disks.get("data"), { pool: "other", from: undefined, sizeBytes: 12 * SEGMENT });
  t.like(core.records.disks.get("kept"), { pool: "other", from: undefined });
  await deletePool(core, "main");
  t.is(await lab.read("b", "data", 1), 7);
});

test("a disk whose move was cancelled after its last segment arrives when it is asked for again", async (t) => {
  const lab = await startLab(t);
  const { core } = lab;
  for (let segment = 0; segment < 3; segment += 1) await lab.write("a", "data", segment, segment + 1);
  const { id } = await beginOperation(core, { kind: "migrate", disk: "data", pool: "other", rate: SEGMENT });
  // It says how far it is before it pauses.
  while (core.records.operations.get(id)?.moved !== 3) await new Promise((resolve) => setTimeout(resolve, 5));
  await cancelOperation(core, id);
  while (core.working.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  t.like(core.records.disks.get("data"), { pool: "other", from: "main" });
  await done(lab, (await beginOperation(core, { kind: "migrate", disk: "data", pool: "other" })).id);
  t.like(core.records.disks.get("data"), { pool: "other", from: undefined });
  await t.throwsAsync(beginOperation(core, { kind: "migrate", disk: "data", pool: "other" }), { message: /already/ });
});
