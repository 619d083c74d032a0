/** Devices that are not there: what they hold stays held, and what lies under their path stays untouched. */
import { check } from "@sanlab/controller/check/check.ts";
import { openDevice, removeDevice } from "@sanlab/controller/devices/removal.ts";
import { createDisk, deleteDisk } from "@sanlab/controller/disks.ts";
import { createPool, deletePool, growPool } from "@sanlab/controller/pools.ts";
import type { DeviceRecord } from "@sanlab/controller/records.ts";
import { takeSnapshots } from "@sanlab/controller/snapshots/snapshots.ts";
import test, { type ExecutionContext } from "ava";
import { MappingLab, SEGMENT } from "../../helpers/mapping-lab.ts";
import { MemoryStore } from "../../helpers/memory-store.ts";

/** Pool 'main' on /a and /b with disk 'data', half on each. */
async function startLab(t: ExecutionContext, store: MemoryStore): Promise<MappingLab> {
  const lab = await MappingLab.start({ store });
  t.teardown(() => lab.close());
  const devices = ["/a", "/b"].map((path) => ({ path, sizeBytes: 1024 * SEGMENT }));
  await createPool(lab.core, { name: "main", segmentBytes: SEGMENT, devices });
  await createDisk(lab.core, { name: "data", pool: "main", sizeBytes: 32 * SEGMENT });
  await lab.addAgents("a");
  await lab.expose("data");
  for (const segment of [0, 1, 2, 3]) t.is((await lab.write("a", "data", segment, 1)).kind, "ok");
  return lab;
}

const recordOf = ({ core }: MappingLab, path: string) =>
  core.records.devices.values().find((record) => record.path === path) as DeviceRecord;
const usedOn = (lab: MappingLab, path: string) => lab.core.space.usedOn(recordOf(lab, path).device);

test("a device that is missing is not taken out for good while it holds segments, and comes back", async (t) => {
  const store = new MemoryStore();
  const before = await startLab(t, store);
  const { media } = before;
  await before.core.records.exports.remove(store, "host/data");
  const used = usedOn(before, "/a");
  t.true(used > 0);
  before.close();
  media.replaced.add("/a");
  const lab = await MappingLab.start({ store, media });
  t.teardown(() => lab.close());
  const { core } = lab;
  lab.connect("a");
  // What was set aside there is on its way back as well.
  t.true(usedOn(lab, "/a") >= used);
  await t.throwsAsync(removeDevice(core, "/a", "empty"), { message: /holds \d+ segments/ });
  t.is(recordOf(lab, "/a").closed, undefined, "nothing has changed where it was refused");
  t.deepEqual((await check(core.options.store, core.records)).problems, []);
  await removeDevice(core, "/a", "force");
  await t.throwsAsync(openDevice(core, "/a"), { message: /label/ });
  media.replaced.delete("/a");
  await openDevice(core, "/a");
  t.true(core.media.has(recordOf(lab, "/a").device));
  t.deepEqual((await check(core.options.store, core.records)).problems, []);
  t.deepEqual(lab.bugs, []);
});

test("a pool that is deleted leaves alone what lies under the path of a device that is missing", async (t) => {
  const store = new MemoryStore();
  const before = await startLab(t, store);
  const { media } = before;
  await before.core.records.exports.remove(store, "host/data");
  await deleteDisk(before.core, "data");
  before.close();
  media.replaced.add("/a");
  const lab = await MappingLab.start({ store, media });
  t.teardown(() => lab.close());
  await deletePool(lab.core, "main");
  t.deepEqual([...media.devices.keys()], ["/a"]);
  t.deepEqual(lab.core.records.devices.values(), []);
});

test("what a disk held on the devices that are there comes back although another is away, the rest when that is back", async (t) => {
  const store = new MemoryStore();
  const lab = await startLab(t, store);
  const { core } = lab;
  await growPool(core, "main", { path: "/c", sizeBytes: 4096 * SEGMENT });
  const count = 24;
  for (let segment = 4; segment < count; segment += 1) await lab.write("a", "data", segment, 1);
  await removeDevice(core, "/a", "force");
  await core.records.exports.remove(core.options.store, "host/data");
  await deleteDisk(core, "data");
  t.is(usedOn(lab, "/b") + usedOn(lab, "/c"), 0);
  t.deepEqual((await check(core.options.store, core.records)).problems, []);
  await openDevice(core, "/a");
  t.is(usedOn(lab, "/a"), 0);
  t.deepEqual((await check(core.options.store, core.records)).problems, []);
});

test("a device that comes back ends no release whose agents are not off its segments yet", async (t) => {
  const lab = await startLab(t, new MemoryStore());
  const { core } = lab;
  const { device } = recordOf(lab, "/b");
  const [location] = (await core.space.reserve.take("main", 1)) ?? [];
  t.truthy(location);
  const release = await core.commits.run((change) =>
    core.space.releases.begin(change, location ? [location] : [], ["a table in motion"]),
  );
  await removeDevice(core, "/a", "force");
  await openDevice(core, "/a");
  t.true(core.records.releases.has(release?.id ?? ""), `still on record, beside device ${device}`);
});

test("a copy whose place cannot be given back keeps nobody else from what was done in the same round", async (t) => {
  const lab = await startLab(t, new MemoryStore());
  const { core, media } = lab;
  await takeSnapshots(core, { snapshots: [{ disk: "data", name: "snap" }] });
  await lab.expose("snap");
  for (let segment = 0; segment < 1024; segment += 1) {
    for (const access of ["write", "zero"]) media.failures.add(`${access} /a ${segment}`);
  }
  await Promise.all([0, 1, 2, 3].map((segment) => lab.write("a", "data", segment, 9)));
  t.deepEqual(lab.bugs, []);
  t.deepEqual(core.records.copies.values(), []);
  for (const segment of [0, 1, 2, 3]) t.is(await lab.read("a", "snap", segment), 1);
});

test("devices have numbers that entries have room for, however many other things were numbered before", async (t) => {
  const store = new MemoryStore();
  const lab = await startLab(t, store);
  const { core } = lab;
  for (let number = 0; number < 5000; number += 1) core.nextNumber();
  const { device: last } = recordOf(lab, "/b");
  await growPool(core, "main", { path: "/c", sizeBytes: 4096 * SEGMENT });
  t.is(recordOf(lab, "/c").device, last + 1);
  await createDisk(core, { name: "thick", pool: "main", sizeBytes: 300 * SEGMENT, thick: true });
  t.true(usedOn(lab, "/c") > 0);
  t.deepEqual((await check(core.options.store, core.records)).problems, []);
});
