/** What is recorded of an agent at the same time. */
import { type AgentsOptions, Roster } from "@sanlab/controller/agents/roster.ts";
import type { AgentRecord } from "@sanlab/controller/records.ts";
import { Records } from "@sanlab/controller/store/records.ts";
import test from "ava";
import { MemoryStore } from "../../helpers/memory-store.ts";

test("that an agent was fenced is not undone by what is recorded of its tables in the same moment", async (t) => {
  const store = new MemoryStore();
  const agents = new Records<AgentRecord>("agent");
  const record = { name: "a", incarnation: 1, tables: ["t1", "t2"], process: null } as unknown as AgentRecord;
  await agents.save(store, "a", record);
  const roster = new Roster({ store, records: { agents } } as unknown as AgentsOptions);
  await Promise.all([
    roster.change("a", (present) => ({ ...present, ended: true, tables: [] })),
    roster.recordTables("a", ["t1"]),
    roster.listening("a", { type: "listening", port: 3260 } as never),
  ]);
  const { ended, tables, sticky } = agents.get("a") as AgentRecord;
  t.deepEqual({ ended, tables, sticky }, { ended: true, tables: [], sticky: 3260 });
});
