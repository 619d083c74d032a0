/** What every store promises, the one of the tests included. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { check } from "@sanlab/controller/check/check.ts";
import { AllRecords } from "@sanlab/controller/records.ts";
import { SqliteStore, STORE_VERSION } from "@sanlab/controller/store/sqlite-store.ts";
import type { Store } from "@sanlab/controller/store/store.ts";
import { Refusal } from "@sanlab/controller/user-error.ts";
import test, { type ExecutionContext } from "ava";
import { MemoryStore } from "../../helpers/memory-store.ts";
import { STORE_CHECKS } from "../../helpers/store-checks.ts";
import { Chance } from "../../simulation/engine/chance.ts";
import { Scheduler } from "../../simulation/engine/scheduler.ts";
import { Trace } from "../../simulation/engine/trace.ts";
import { SimStore } from "../../simulation/world/sim-store.ts";

async function databasePath(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "sanlab-store-"));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return join(directory, "controller.sqlite");
}

/** Each opens clients of one store. */
const STORES: Readonly<Record<string, (t: ExecutionContext) => Promise<() => Promise<Store>>>> = {
  "the store in SQLite": async (t) => {
    const path = await databasePath(t);
    return async () => {
      const store = new SqliteStore(path);
      t.teardown(() => store.close());
      return store;
    };
  },
  "the store of the tests": async () => {
    const first = new MemoryStore();
    return async () => new MemoryStore(first);
  },
  "the store of the simulator": async (t) => {
    const scheduler = new Scheduler(new Trace());
    const options = { scheduler, chance: new Chance(1), immediate: 0.5, delayMs: 2, onCommit: () => undefined };
    const store = new SimStore(options);
    // Simulated time passes while anything waits for it.
    let isOver = false;
    const pass = async (): Promise<void> => {
      while (!isOver) {
        await scheduler.run(Number.POSITIVE_INFINITY, () => isOver);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    };
    const passed = pass();
    t.teardown(async () => {
      isOver = true;
      await passed;
    });
    return async () => store.open();
  },
};

const bytes = (text: string) => new Uint8Array(Buffer.from(text));
const text = (value: Uint8Array | undefined) => (value === undefined ? undefined : Buffer.from(value).toString());

for (const [name, opener] of Object.entries(STORES)) {
  for (const { title, run } of STORE_CHECKS) {
    test(`${name} ${title}`, async (t) => {
      await run(await opener(t));
      t.pass();
    });
  }
}

test("the store in SQLite has after a restart what it had before", async (t) => {
  const path = await databasePath(t);
  const before = new SqliteStore(path);
  await before.commit({ puts: [["a", bytes("1")]] });
  await before.close();
  const after = new SqliteStore(path);
  t.is(text(await after.get("a")), "1");
  await after.close();
});

test("a database of a newer version is refused in a sentence, and left as it is", async (t) => {
  const path = await databasePath(t);
  const newer = new DatabaseSync(path);
  newer.exec(`PRAGMA user_version = ${STORE_VERSION + 1}`);
  newer.close();
  const error = t.throws(() => new SqliteStore(path), { instanceOf: Refusal });
  t.regex(error.message, /written by a newer sanlab .+; use that version, or another state directory\.$/);
  const still = new DatabaseSync(path);
  t.deepEqual({ ...still.prepare("PRAGMA user_version").get() }, { user_version: STORE_VERSION + 1 });
  still.close();
});

/** A store as version 1 had it: a disk with two segments, and one that a crash left without a table. */
function storeOfVersion1(path: string): void {
  const database = new DatabaseSync(path);
  database.exec("CREATE TABLE entries (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID");
  const put = database.prepare("INSERT INTO entries (key, value) VALUES (?, ?)");
  const json = (key: string, value: object) => put.run(key, bytes(JSON.stringify(value)));
  json("lab/lab", { name: "old", cluster: "c0ffee00-1111-4222-8333-444455556666", epoch: 4, nextNumber: 9 });
  json("pool/main", { name: "main", segmentBytes: 1048576, queueWhenFullMs: 0 });
  json("device/2", {
    device: 2,
    uuid: "u",
    path: "/x",
    pool: "main",
    sizeBytes: 33554432,
    segments: 32,
    created: true,
  });
  const disk = {
    name: "data",
    table: "t3",
    sizeBytes: 8388608,
    pool: "main",
    thick: false,
    naa: "6525400c0ffee0010000000000000003",
    serial: "c0ffee0000000003",
  };
  json("disk/data", { ...disk, generation: 7, operation: "none" });
  const chunk = new Uint32Array(2048).map((_, at) => (at % 2 === 0 ? 0x2000_0000 : 0));
  chunk.set([5, 2 << 20], 0);
  chunk.set([6, 2 << 20], 8);
  put.run("root/t3", new Uint8Array(new Uint32Array([4]).buffer));
  put.run("chunk/00000004", new Uint8Array(chunk.buffer));
  json("chunk-holder/00000004/t3", {});
  json("segment/002/0000005", { chunk: 4, index: 0 });
  json("segment/002/0000006", { chunk: 4, index: 4 });
  json("segment/002/0000009", { chunk: 4, index: 5 });
  database.exec("PRAGMA user_version = 1");
  database.close();
}

test("a database of version 1 is brought to this version when it is opened, and is consistent", async (t) => {
  const path = await databasePath(t);
  storeOfVersion1(path);
  for (const _ of ["upgraded", "opened again"]) {
    const store = new SqliteStore(path);
    const records = new AllRecords();
    await records.load(store);
    t.deepEqual((await check(store, records)).problems, []);
    t.like(records.disks.get("data"), { table: "t3", family: "t3", kind: "disk", readOnly: false, sizeBytes: 8388608 });
    t.deepEqual(records.usage.get("t3"), { table: "t3", mapped: 2, own: 2 });
    // What no table named is given back at the next start.
    t.deepEqual(
      records.releases.values().map(({ runs }) => runs),
      [[[2, 9, 1]]],
    );
    t.deepEqual([...(await store.range("segment/")), ...(await store.range("chunk-holder/"))], []);
    await store.close();
  }
});
