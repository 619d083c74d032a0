/** One controller at a time owns a store; whoever has lost it changes nothing more. And no operation needs a larger transaction than there may be. */
import { createDisk } from "@sanlab/controller/disks.ts";
import { createPool } from "@sanlab/controller/pools.ts";
import { takeSnapshots } from "@sanlab/controller/snapshots/snapshots.ts";
import { OwnedStore } from "@sanlab/controller/store/owned-store.ts";
import { leaseKey, type Transaction, termValue } from "@sanlab/controller/store/store.ts";
import { Refusal } from "@sanlab/controller/user-error.ts";
import test from "ava";
import { CHUNK_ENTRIES } from "node-iscsi-target/mapping/entry.ts";
import { MappingLab, SEGMENT } from "../../helpers/mapping-lab.ts";
import { MemoryStore } from "../../helpers/memory-store.ts";

const KEY = leaseKey("controller");
const value = Buffer.from("x");

/** Somebody else has it now, although the one before has not let go: its lock was taken from under it. */
async function takeAway(store: MemoryStore): Promise<void> {
  await new MemoryStore(store).commit({ puts: [[KEY, termValue(1_000_000)]] });
}

test("an owner commits as long as nobody has taken over, and a comparison of its own still counts", async (t) => {
  const store = new MemoryStore();
  const owned = await OwnedStore.take(store);
  t.true(await owned?.commit({ puts: [["a", value]] }));
  t.false(await owned?.commit({ compares: [["a", undefined]], puts: [["b", value]] }));
  t.is(await store.get("b"), undefined);
  t.is(await OwnedStore.take(new MemoryStore(store)), undefined);
  await owned?.release();
  t.not(await OwnedStore.take(new MemoryStore(store)), undefined);
});

test("an owner that has lost the store hears of it, and what it commits is refused as a whole", async (t) => {
  const store = new MemoryStore();
  const owned = (await OwnedStore.take(store)) as OwnedStore;
  await takeAway(store);
  await owned.lost;
  const refusal = await t.throwsAsync(owned.commit({ puts: [["a", value]] }), { instanceOf: Refusal });
  t.regex(refusal.message, /^Another controller has taken over these tables; /);
  t.is(await store.get("a"), undefined);
});

test("an owner that nobody has told yet finds at its next commit that it has lost the store", async (t) => {
  /** Its watch says nothing. */
  class Deaf extends MemoryStore {
    override watch(): () => void {
      return () => undefined;
    }
  }
  const store = new Deaf();
  const owned = (await OwnedStore.take(store)) as OwnedStore;
  await takeAway(store);
  await t.throwsAsync(owned.commit({ puts: [["a", value]] }), { instanceOf: Refusal });
  t.is(await store.get("a"), undefined);
  await owned.lost;
});

test("a second controller on the same tables is refused, until the first has ended", async (t) => {
  const store = new MemoryStore();
  const lab = await MappingLab.start({ store });
  const { epoch } = lab.core.lab;
  const refusal = await t.throwsAsync(MappingLab.start({ store: new MemoryStore(store) }), { instanceOf: Refusal });
  t.is(refusal.code, "in-use");
  lab.close();
  const next = await MappingLab.start({ store: new MemoryStore(store) });
  t.is(next.core.lab.epoch, epoch + 1);
  next.close();
});

test("every transaction of a controller carries the comparison of its lease", async (t) => {
  const bare: Transaction[] = [];
  class Watched extends MemoryStore {
    override async commit(transaction: Transaction): Promise<boolean> {
      const isLease = transaction.puts?.some(([key]) => key === KEY) === true;
      if (!isLease && transaction.compares?.some(([key]) => key === KEY) !== true) bare.push(transaction);
      return super.commit(transaction);
    }
  }
  const lab = await MappingLab.start({ store: new Watched() });
  t.teardown(() => lab.close());
  const { core } = lab;
  await createPool(core, { name: "main", segmentBytes: SEGMENT, devices: [{ path: "/a", sizeBytes: 256 * SEGMENT }] });
  await createDisk(core, { name: "data", pool: "main", sizeBytes: 8 * SEGMENT });
  await lab.addAgents("a");
  await lab.expose("data");
  await lab.write("a", "data", 0, 1);
  await takeSnapshots(core, { snapshots: [{ disk: "data", name: "snap" }] });
  await lab.write("a", "data", 0, 2);
  t.deepEqual(bare, []);
});

test("writes to segments that many snapshots share, each in chunks of its own, are several transactions", async (t) => {
  t.timeout(120_000);
  const [columns, snapshots] = [34, 32];
  const lab = await MappingLab.start({ store: new MemoryStore() });
  t.teardown(() => lab.close());
  const { core } = lab;
  const sizeBytes = 2 * columns * (snapshots + 2) * SEGMENT;
  await createPool(core, { name: "main", segmentBytes: SEGMENT, devices: [{ path: "/a", sizeBytes }] });
  await createDisk(core, { name: "data", pool: "main", sizeBytes: columns * CHUNK_ENTRIES * SEGMENT });
  await lab.addAgents("a");
  await lab.expose("data");
  const all = (disk: string, at: number, byte: number) =>
    Promise.all(
      Array.from({ length: columns }, (_, column) => lab.write("a", disk, column * CHUNK_ENTRIES + at, byte, 512)),
    );
  await all("data", 0, 1);
  const names = Array.from({ length: snapshots }, (_, at) => `s${at}`);
  for (const name of names) await takeSnapshots(core, { snapshots: [{ disk: "data", name }] });
  await lab.expose(...names);
  // A segment of each snapshot's own parts its chunks from the others'.
  for (const name of names) await all(name, 1, 2);
  const results = await all("data", 0, 3);
  t.true(results.every(({ kind }) => kind === "ok"));
  t.deepEqual(lab.bugs, []);
  t.is(await firstByte(lab, "data"), 3);
  t.is(await firstByte(lab, "s31"), 1);
});

async function firstByte(lab: MappingLab, disk: string): Promise<number> {
  const into = Buffer.alloc(512);
  await lab.device("a", disk).read(0, into);
  return into[0] as number;
}

test("a disk has so many snapshots, and one more is refused in a sentence", async (t) => {
  t.timeout(120_000);
  const lab = await MappingLab.start({ store: new MemoryStore() });
  t.teardown(() => lab.close());
  const { core } = lab;
  await createPool(core, { name: "main", segmentBytes: SEGMENT, devices: [{ path: "/a", sizeBytes: 64 * SEGMENT }] });
  await createDisk(core, { name: "data", pool: "main", sizeBytes: 8 * SEGMENT });
  for (let at = 1; at < 512; at += 1) await takeSnapshots(core, { snapshots: [{ disk: "data", name: `s${at}` }] });
  const refusal = await t.throwsAsync(takeSnapshots(core, { snapshots: [{ disk: "s7", name: "more" }] }), {
    instanceOf: Refusal,
  });
  t.is(
    refusal.message,
    "Disk 's7' and all that was made of it may be 512 disks and snapshots at most; delete some first.",
  );
});
