/** Segments that hosts give back while they begin to fail. */
import { createDisk } from "@sanlab/controller/disks.ts";
import { failSegments, healSegments } from "@sanlab/controller/families/failing.ts";
import { createPool } from "@sanlab/controller/pools.ts";
import test from "ava";
import type { AgentCore } from "node-iscsi-target/agent/core.ts";
import { EntryState } from "node-iscsi-target/mapping/entry.ts";
import { MappingLab, SEGMENT } from "../../helpers/mapping-lab.ts";
import { MemoryStore } from "../../helpers/memory-store.ts";

test("an unmap of an agent that has heard of half of a change to E fails, and the segment is as it was once that is cleared", async (t) => {
  const lab = await MappingLab.start({ store: new MemoryStore() });
  t.teardown(() => lab.close());
  const { core } = lab;
  const devices = [{ path: "/a", sizeBytes: 9 * SEGMENT }];
  await createPool(core, { name: "main", segmentBytes: SEGMENT, devices });
  await createDisk(core, { name: "data", pool: "main", sizeBytes: 4 * SEGMENT });
  await lab.addAgents("a");
  await lab.expose("data");
  for (const segment of [0, 1, 2]) await lab.write("a", "data", segment, 1 + segment);
  // So that the next change has two ranges with a gap, and two messages.
  await failSegments(core, "data", { first: 1, count: 1 });
  const agent = lab.agents.get("a") as AgentCore;
  const receive = agent.receive.bind(agent);
  const late: Parameters<typeof receive>[0][] = [];
  const isEntry = (message: object) => "type" in message && message.type === "set_entry";
  let heard = 0;
  agent.receive = (message) => {
    if (isEntry(message)) heard += 1;
    if (heard > 1) late.push(message);
    else receive(message);
  };
  const failing = failSegments(core, "data", { first: 0, count: 3 });
  while (late.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const table = lab.device("a", "data").table;
  t.not(table.word0(0) & EntryState.ERROR, 0);
  t.is(table.word0(2) & EntryState.ERROR, 0, "it has heard of one range only");
  const unmap = lab.device("a", "data").unmap(2 * SEGMENT, SEGMENT);
  await new Promise((resolve) => setImmediate(resolve));
  agent.receive = receive;
  for (const message of late) receive(message);
  await failing;
  t.like(await unmap, { kind: "reported" });
  await healSegments(core, "data", { first: 0, count: 3 });
  for (const segment of [0, 1, 2]) t.is(await lab.read("a", "data", segment), 1 + segment);
  t.deepEqual(lab.bugs, []);
});
