/** The tables at the agents against the controller's, while hosts write, snapshots are taken and segments move. */
import { checkLab } from "@sanlab/controller/check/live.ts";
import { createDisk, deleteDisk } from "@sanlab/controller/disks.ts";
import { beginOperation } from "@sanlab/controller/migration/operations.ts";
import { createPool, growPool } from "@sanlab/controller/pools.ts";
import { takeSnapshots } from "@sanlab/controller/snapshots/snapshots.ts";
import { Refusal } from "@sanlab/controller/user-error.ts";
import test, { type ExecutionContext } from "ava";
import { EntryState } from "node-iscsi-target/mapping/entry.ts";
import { decodeEntry } from "node-iscsi-target/mapping/mapping-table.ts";
import { MappingLab, SEGMENT } from "../../helpers/mapping-lab.ts";
import { MemoryStore } from "../../helpers/memory-store.ts";

const SEGMENTS = 32;

/** A disk with segments 0 to 3 of its own, and 4 to 7 that a snapshot shares. */
async function labOf(t: ExecutionContext, store = new MemoryStore()): Promise<MappingLab> {
  const lab = await MappingLab.start({ store });
  t.teardown(() => lab.close());
  const { core } = lab;
  await createPool(core, { name: "main", segmentBytes: SEGMENT, devices: [{ path: "/a", sizeBytes: 512 * SEGMENT }] });
  await createDisk(core, { name: "data", pool: "main", sizeBytes: SEGMENTS * SEGMENT });
  await lab.addAgents("a", "b");
  await lab.expose("data");
  // In no order, so that nothing is allocated ahead, and taken back from agents while they are looked at.
  for (const segment of [6, 4, 7, 5]) await lab.write("a", "data", segment, 10 + segment);
  await takeSnapshots(core, { snapshots: [{ disk: "data", name: "snap" }] });
  await lab.expose("snap");
  for (const segment of [2, 0, 3, 1]) await lab.write("b", "data", segment, 10 + segment);
  for (const agent of ["a", "b"])
    for (let segment = 0; segment < 12; segment += 1) await lab.read(agent, "data", segment);
  return lab;
}

interface Case {
  /** Of agent a, in its copy of "data". */
  readonly segment: number;
  readonly states: number;
  readonly from?: number;
  readonly says: RegExp;
}

const CASES: Readonly<Record<string, Case>> = {
  "another's place": { segment: 0, states: 0, from: 1, says: /segment 0: at another place there than by the table\.$/ },
  "writes let into a segment that a snapshot shares": {
    segment: 4,
    states: 0,
    from: 4,
    says: /segment 4: takes writes there, which it must not\.$/,
  },
  "zeros for what is mapped": { segment: 2, states: EntryState.ZERO, says: /segment 2: zero there, and mapped/ },
  "a place for what is zero": {
    segment: 9,
    states: 0,
    from: 3,
    says: /segment 9: mapped there, and zero by the table\.$/,
  },
  "an error that nobody set": {
    segment: 3,
    states: EntryState.ERROR,
    from: 3,
    says: /segment 3: fails there, and not/,
  },
};

for (const [name, { segment, states, from, says }] of Object.entries(CASES)) {
  test(`an agent that has ${name} is found, and fetches the entry again`, async (t) => {
    const lab = await labOf(t);
    const { table } = lab.device("a", "data");
    t.deepEqual((await checkLab(lab.core, false)).problems, []);
    const location = from === undefined ? undefined : decodeEntry(table.word0(from), table.word1(from)).location;
    table.set(segment, [{ count: 1, states, ...location }], table.generation(segment));
    const report = await checkLab(lab.core, false);
    t.false(report.consistent);
    t.is(report.problems.length, 1);
    t.regex(report.problems[0]?.message ?? "", says);
    t.regex(report.problems[0]?.message ?? "", /^Disk 'data' at agent 'a', /);
    const repaired = await checkLab(lab.core, true);
    t.true(repaired.repaired && repaired.consistent);
    t.deepEqual((await checkLab(lab.core, false)).problems, []);
    t.is(await lab.read("a", "data", segment), segment < 8 ? 10 + segment : 0);
    t.is((await lab.write("a", "data", segment, 50)).kind, "ok");
    t.is(await lab.read("b", "data", segment), 50);
    t.is(await lab.read("b", "snap", segment), segment >= 4 && segment < 8 ? 10 + segment : 0);
    t.deepEqual(lab.bugs, []);
  });
}

test("an agent may know less than the controller, and hold back writes for no reason any more", async (t) => {
  const lab = await labOf(t);
  const { table } = lab.device("a", "data");
  table.protect();
  table.set(2, [{ count: 1, states: EntryState.INVALID }], table.generation(2));
  lab.device("b", "data").table.forget();
  t.deepEqual((await checkLab(lab.core, false)).problems, []);
});

test("an agent with a table that it was not given is found, and gives it back", async (t) => {
  const lab = await labOf(t);
  const agent = lab.agents.get("a");
  agent?.tables.set("t999", lab.device("a", "data"));
  const { problems } = await checkLab(lab.core, true);
  t.deepEqual(
    problems.map(({ message }) => message),
    ["Agent 'a' has table t999, which it was not given."],
  );
  t.false(agent?.tables.has("t999"));
});

test("an agent that does not answer is named, and the others are looked at", async (t) => {
  const lab = await labOf(t);
  const { table } = lab.device("b", "data");
  table.set(0, [{ count: 1, states: EntryState.ZERO }], table.generation(0));
  lab.agents.get("a")?.disconnected();
  const { problems, unheard } = await checkLab(lab.core, false);
  t.deepEqual(unheard, ["a"]);
  t.is(problems.length, 1);
});

test("a lab at work is consistent whenever it is looked at", async (t) => {
  t.timeout(120_000);
  const lab = await labOf(t);
  const { core } = lab;
  await growPool(core, "main", { path: "/b", sizeBytes: 512 * SEGMENT });
  let isOver = false;
  const writer = async (agent: string, disk: string, step: number) => {
    for (let segment = 0; !isOver; segment = (segment + step) % SEGMENTS) {
      const { kind } = await lab.write(agent, disk, segment, 1 + segment);
      if (kind !== "ok") throw new Error(`a write of ${disk} through ${agent} ended as ${kind}`);
      if (segment % 5 === 0) await lab.device(agent, disk).unmap(segment * SEGMENT, SEGMENT);
    }
  };
  const writers = [writer("a", "data", 3), writer("b", "data", 5), writer("a", "snap", 7)];
  const administrator = (async () => {
    for (let round = 0; !isOver; round += 1) {
      await core.administer(() => takeSnapshots(core, { snapshots: [{ disk: "data", name: `s${round}` }] }));
      await core.administer(() => beginOperation(core, { kind: "rebalance", pool: "main" })).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 20));
      await core.administer(() => deleteDisk(core, `s${round}`));
    }
  })();
  for (let check = 0; check < 25; check += 1) {
    const { problems, unheard } = await core.administer(() => checkLab(core, false));
    t.deepEqual([problems, unheard], [[], []], `check ${check}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  isOver = true;
  await Promise.all([...writers, administrator]);
  t.deepEqual(lab.bugs, []);
});

test("what is stored and was changed beside the controller is found, and is not mended while it runs", async (t) => {
  const store = new MemoryStore();
  const lab = await labOf(t, store);
  const { table } = lab.core.records.disks.get("data") as { table: string };
  const root = store.entries.get(`root/${table}`) as Uint8Array;
  const key = `chunk/${Buffer.from(root).readUInt32LE(0).toString(16).padStart(8, "0")}`;
  const chunk = Uint8Array.from(store.entries.get(key) as Uint8Array);
  chunk[8] = 99;
  store.entries.set(key, chunk);
  store.entries.delete(`usage/${table}`);
  const { problems } = await checkLab(lab.core, false);
  const codes = new Set(problems.map(({ code }) => code));
  t.true(codes.has("memory") && codes.has("usage") && codes.has("segment-leaked"), [...codes].join(" "));
  const refusal = await t.throwsAsync(checkLab(lab.core, true), { instanceOf: Refusal });
  t.regex(refusal.message, /which cannot be mended while the lab runs; stop it \('sanlab down'\), and run .+ again\.$/);
});

test("what administrators made is compared with what is stored, however that is written", async (t) => {
  const store = new MemoryStore();
  const lab = await labOf(t, store);
  const changed = (key: string, fields: object) => {
    const record = JSON.parse(Buffer.from(store.entries.get(key) as Uint8Array).toString()) as object;
    store.entries.set(key, Buffer.from(JSON.stringify({ ...record, ...fields }, null, 2)));
  };
  for (const key of ["host/host", "export/host/data", "zone/all", "disk/data"]) changed(key, {});
  t.deepEqual((await checkLab(lab.core, false)).problems, []);
  changed("host/host", { iqn: "iqn.2026-11.example:other" });
  changed("export/host/data", { lun: 9 });
  store.entries.delete("wwn/agent/a");
  const { problems } = await checkLab(lab.core, false);
  t.deepEqual(problems.map(({ message }) => /^The record (\S+) was changed beside/.exec(message)?.[1]).sort(), [
    "export/host/data",
    "host/host",
    "wwn/agent/a",
  ]);
});
