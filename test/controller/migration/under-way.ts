/** Operations that begin while something of what they are about is under way. */
import { check } from "@sanlab/controller/check/check.ts";
import { createDisk } from "@sanlab/controller/disks.ts";
import { failSegments, healSegments } from "@sanlab/controller/families/failing.ts";
import { beginOperation } from "@sanlab/controller/migration/operations.ts";
import { createPool, growPool } from "@sanlab/controller/pools.ts";
import { mapOf } from "@sanlab/controller/tables/map.ts";
import test, { type ExecutionContext } from "ava";
import { MappingLab, SEGMENT } from "../../helpers/mapping-lab.ts";
import { MemoryStore } from "../../helpers/memory-store.ts";

async function startLab(t: ExecutionContext): Promise<MappingLab> {
  const lab = await MappingLab.start({ store: new MemoryStore() });
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
  const lab = await startLab(t);
  const { core } = lab;
  const { table } = core.records.disks.get("data") as { table: string };
  // The write is served when whatever is before it in the family's turn is over: the operation has begun by then.
  const { promise, resolve } = Promise.withResolvers<void>();
  const turn = core.families.of(table)?.run(() => promise);
  const written = lab.write("a", "data", 1, 7);
  while (lab.device("a", "data").counters.held === 0) await new Promise(setImmediate);
  const begun = core.administer(() => beginOperation(core, { kind: "migrate", disk: "data", pool: "other" }));
  resolve();
  await turn;
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
