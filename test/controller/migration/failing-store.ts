/** A controller whose tables cannot be written for a while: every fault is answered, and nothing is stuck afterwards. */
import { createDisk } from "@sanlab/controller/disks.ts";
import { createPool } from "@sanlab/controller/pools.ts";
import { takeSnapshots } from "@sanlab/controller/snapshots/snapshots.ts";
import test from "ava";
import { MappingLab, SEGMENT } from "../../helpers/mapping-lab.ts";
import { FailingStore } from "../../helpers/memory-store.ts";

test("a copy on record whose end could not be recorded is finished before the next write is served", async (t) => {
  const store = new FailingStore();
  const lab = await MappingLab.start({ store });
  t.teardown(() => lab.close());
  const { core } = lab;
  await createPool(core, { name: "main", segmentBytes: SEGMENT, devices: [{ path: "/a", sizeBytes: 64 * SEGMENT }] });
  await createDisk(core, { name: "data", pool: "main", sizeBytes: 8 * SEGMENT });
  await lab.addAgents("a", "b");
  await lab.expose("data");
  await lab.write("a", "data", 0, 1);
  await takeSnapshots(core, { snapshots: [{ disk: "data", name: "snap" }] });
  await lab.expose("snap");
  store.fails = ({ deletes = [] }) => deletes.some((key) => key.startsWith("copying/"));
  t.is((await lab.write("a", "data", 0, 2)).kind, "reported");
  t.is(core.records.copies.values().length, 1);
  t.is((await lab.write("a", "data", 1, 2)).kind, "reported", "nobody may conclude anything yet");
  t.is(await lab.read("b", "snap", 0), 1, "who reads goes on");
  store.fails = () => false;
  t.is((await lab.write("a", "data", 0, 3)).kind, "ok");
  t.is(core.records.copies.values().length, 0);
  t.is(await lab.read("b", "data", 0), 3);
  t.is(await lab.read("b", "snap", 0), 1);
  t.is((await lab.write("b", "data", 1, 4)).kind, "ok");
});
