/** What is removed is no member of any zone, and no export is through it, wherever the controller dies meanwhile. */
import { addExport, putZone, removeAgent, removeExport, removeHost } from "@sanlab/controller/access.ts";
import { check } from "@sanlab/controller/check/check.ts";
import { createDisk, deleteDisk } from "@sanlab/controller/disks.ts";
import { createPool } from "@sanlab/controller/pools.ts";
import type { ExportRecord, ZoneRecord } from "@sanlab/controller/records.ts";
import test, { type ExecutionContext } from "ava";
import { MappingLab, MemoryMedia, SEGMENT } from "../../helpers/mapping-lab.ts";
import { Crash, MemoryStore } from "../../helpers/memory-store.ts";

const REMOVALS: Readonly<Record<string, (lab: MappingLab) => Promise<void>>> = {
  "a host": ({ core }) => removeHost(core, "host"),
  "an agent": ({ core }) => removeAgent(core, "b"),
  "a disk": async ({ core }) => {
    await removeExport(core, "host", "data");
    await deleteDisk(core, "data");
  },
};

for (const [what, remove] of Object.entries(REMOVALS)) {
  test(`${what} is removed with all that names it, in the transaction in which it goes`, async (t) => {
    const media = new MemoryMedia();
    const before = await labWith(media);
    let isOver = false;
    for (let commit = 0; !isOver; commit += 1) {
      for (const when of ["before", "after"] as const) {
        const store = new MemoryStore(before, { commit, when });
        isOver = await livesThrough(store, media, remove);
        t.deepEqual((await check(store)).problems, [], `${when} commit ${commit}`);
        if (isOver) assertGone(t, store);
      }
    }
  });
}

function assertGone(t: ExecutionContext, store: MemoryStore): void {
  const record = <T>(key: string) => JSON.parse(Buffer.from(store.entries.get(key) ?? "{}").toString()) as Partial<T>;
  const { hosts = [], agents = [], disks = [] } = record<ZoneRecord>("zone/all");
  t.is(hosts.length + agents.length + disks.length, 3);
  const { agents: through = ["a"] } = record<ExportRecord>("export/host/data");
  t.deepEqual(
    through,
    agents.filter((agent) => through.includes(agent)),
  );
}

async function labWith(media: MemoryMedia): Promise<ReadonlyMap<string, Uint8Array>> {
  const store = new MemoryStore();
  const lab = await MappingLab.start({ store, media });
  const { core } = lab;
  await createPool(core, { name: "main", segmentBytes: SEGMENT, devices: [{ path: "/a", sizeBytes: 64 * SEGMENT }] });
  await createDisk(core, { name: "data", pool: "main", sizeBytes: 8 * SEGMENT });
  await lab.addAgents("a", "b");
  await addExport(core, { host: "host", disk: "data", agents: ["a", "b"] });
  await putZone(core, { name: "all", hosts: ["host"], agents: ["a", "b"], disks: ["data"] }, false);
  lab.close();
  return store.entries;
}

/** False: the controller has died. */
async function livesThrough(
  store: MemoryStore,
  media: MemoryMedia,
  remove: (lab: MappingLab) => Promise<void>,
): Promise<boolean> {
  let lab: MappingLab | undefined;
  try {
    lab = await MappingLab.start({ store, media });
    await lab.orDeath(lab.join("a", "b"));
    await lab.orDeath(remove(lab));
    return true;
  } catch (error) {
    if (!(error instanceof Crash)) throw error;
    return false;
  } finally {
    lab?.close();
  }
}
