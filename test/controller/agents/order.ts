/** In which order an agent is told of what it has no more. */
import { removeExport } from "@sanlab/controller/access.ts";
import { createDisk } from "@sanlab/controller/disks.ts";
import { createPool, growPool } from "@sanlab/controller/pools.ts";
import test from "ava";
import type { AgentCore } from "node-iscsi-target/agent/core.ts";
import { MappingLab, SEGMENT } from "../../helpers/mapping-lab.ts";
import { MemoryStore } from "../../helpers/memory-store.ts";

test("a device that came with the growth of its pool is taken from an agent after the disks that need it", async (t) => {
  const lab = await MappingLab.start({ store: new MemoryStore() });
  t.teardown(() => lab.close());
  const { core } = lab;
  const [a, b] = ["/a", "/b"].map((path) => ({ path, sizeBytes: 9 * SEGMENT }));
  await createPool(core, { name: "main", segmentBytes: SEGMENT, devices: [a as NonNullable<typeof a>] });
  await createDisk(core, { name: "data", pool: "main", sizeBytes: 4 * SEGMENT });
  await lab.addAgents("a");
  await lab.expose("data");
  await growPool(core, "main", b as NonNullable<typeof b>);
  const agent = lab.agents.get("a") as AgentCore;
  const heard: string[] = [];
  const receive = agent.receive.bind(agent);
  agent.receive = (message) => {
    heard.push("entries" in message ? message.header.type : message.type);
    receive(message);
  };
  for (const { host, disk } of core.records.exports.values()) await removeExport(core, host, disk);
  const taken = ["unpublish_unit", "delete_table", "remove_device"];
  t.deepEqual(
    heard.filter((type) => taken.includes(type)),
    [...taken, "remove_device"],
  );
  t.deepEqual(lab.bugs, []);
});
