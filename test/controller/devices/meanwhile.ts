/** Devices that come and go while segments of theirs are on their way back to the pool. */
import { check } from "@sanlab/controller/check/check.ts";
import type { Medium } from "@sanlab/controller/devices/medium.ts";
import { createPool } from "@sanlab/controller/pools.ts";
import { locationsOf } from "@sanlab/controller/tables/layout.ts";
import test from "ava";
import { MappingLab, SEGMENT } from "../../helpers/mapping-lab.ts";
import { MemoryStore } from "../../helpers/memory-store.ts";

test("what was made zero is free although its device went meanwhile, and what lies on one that came meanwhile is made zero first", async (t) => {
  const lab = await MappingLab.start({ store: new MemoryStore() });
  t.teardown(() => lab.close());
  const { core, media } = lab;
  const devices = ["/a", "/b"].map((path) => ({ path, sizeBytes: 9 * SEGMENT }));
  await createPool(core, { name: "main", segmentBytes: SEGMENT, devices });
  const free = core.space.freeIn("main");
  await core.space.takeZeroed("main", 1).then((taken) => core.space.reserve.giveBack("main", taken ?? []));
  const release = await core.commits.run((change) =>
    core.space.releases.begin(change, core.space.reserve.empty(change, "main")),
  );
  const [a, b] = ["/a", "/b"].map((path) => core.records.devices.values().find((one) => one.path === path)?.device);
  const [mediumA, mediumB] = [a, b].map((device) => core.media.get(device as number) as Medium);
  const onB = [...locationsOf(release?.runs ?? [])].find(({ device }) => device === b);
  const offset = (onB?.segment as number) * SEGMENT;
  media.devices.get("/b")?.write(offset, [Buffer.alloc(512, 7)]);

  core.media.delete(b as number);
  const goesAsItIsSynced: Pick<Medium, "zero" | "sync"> = {
    zero: (at, length) => (mediumA as Medium).zero(at, length),
    sync: async () => {
      await (mediumA as Medium).sync();
      core.media.delete(a as number);
      core.media.set(b as number, mediumB as Medium);
    },
  };
  core.media.set(a as number, goesAsItIsSynced as Medium);
  await core.space.releases.finish(release);
  core.media.set(a as number, mediumA as Medium);
  t.deepEqual(core.records.releases.values(), []);
  t.is(core.space.freeIn("main"), free);
  const contents = Buffer.alloc(512, 1);
  media.devices.get("/b")?.read(offset, contents);
  t.deepEqual(contents, Buffer.alloc(512));
  t.deepEqual((await check(core.options.store, core.records)).problems, []);
  t.deepEqual(lab.bugs, []);
});
