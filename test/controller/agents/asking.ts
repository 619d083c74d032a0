/** An agent, let in by its own token, asks about disks that no zone lets it have. */
import { createDisk } from "@sanlab/controller/disks.ts";
import { createPool } from "@sanlab/controller/pools.ts";
import type { DiskRecord } from "@sanlab/controller/records.ts";
import { mapOf } from "@sanlab/controller/tables/map.ts";
import test from "ava";
import type { Saying } from "node-iscsi-target/agent/core.ts";
import { MappingLab, SEGMENT } from "../../helpers/mapping-lab.ts";
import { MemoryStore } from "../../helpers/memory-store.ts";

test("what an agent asks of a table that it does not hold, or of segments that are not there, changes nothing", async (t) => {
  const lab = await MappingLab.start({ store: new MemoryStore() });
  t.teardown(() => lab.close());
  const { core } = lab;
  await createPool(core, { name: "main", segmentBytes: SEGMENT, devices: [{ path: "/a", sizeBytes: 64 * SEGMENT }] });
  await createDisk(core, { name: "data", pool: "main", sizeBytes: 8 * SEGMENT });
  await createDisk(core, { name: "other", pool: "main", sizeBytes: 8 * SEGMENT, thick: true });
  await lab.addAgents("a");
  await lab.expose("data");
  const tableOf = (disk: string) => (core.records.disks.get(disk) as DiskRecord).table;
  const [data, other] = [tableOf("data"), tableOf("other")];
  const before = await mapOf(core, "other", {}, true);
  const generation = Number.MAX_SAFE_INTEGER;
  const asked: Saying[] = [
    { type: "unmap", table: other, first: 0, count: 8, generation, request: 9001 },
    { type: "fault", table: other, first: 0, count: 8, generation, fault: 9002, access: "write" },
    { type: "fault", table: data, first: 8, count: 1, generation, fault: 9003, access: "write" },
    { type: "fault", table: data, first: 0, count: 2 ** 40, generation, fault: 9004, access: "write" },
  ];
  for (const saying of asked) lab.agents.get("a")?.say(saying);
  t.is((await lab.write("a", "data", 0, 1)).kind, "ok");
  t.deepEqual(await mapOf(core, "other", {}, true), before);
  t.is((await mapOf(core, "data", {}, false)).length, 1);
  t.deepEqual(lab.bugs, []);
});
