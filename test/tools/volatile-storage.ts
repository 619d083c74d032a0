/** The storage of the crash tests: what was synced is there after a loss of power, and what was not may be, in part. */
import { mkdir, open, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import test, { type ExecutionContext } from "ava";
import { execa } from "execa";
import { VolatileStorage } from "../helpers/volatile/storage.ts";

const PAGE = 4096;
const CUTS = 12;

async function writeAt(path: string, offset: number, data: Buffer, isSynced: boolean): Promise<void> {
  await using file = await open(path, "r+");
  await file.write(data, 0, data.length, offset);
  if (isSynced) await file.datasync();
}

async function syncFile(path: string): Promise<void> {
  await using file = await open(path, "r+");
  await file.sync();
}

async function image(t: ExecutionContext): Promise<{ storage: VolatileStorage; path: string }> {
  const storage = await VolatileStorage.mount(t);
  const path = join(storage.directory, "image");
  await writeFile(path, "");
  await writeAt(path, 0, Buffer.alloc(4 * PAGE), true);
  return { storage, path };
}

test("what was synced is whole; of what was not, pages are old, new, or torn between sectors", async (t) => {
  const { storage, path } = await image(t);
  const seen = new Set<string>();
  for (let cut = 1; cut <= CUTS; cut += 1) {
    const before = (await readFile(path)).subarray(2 * PAGE, 3 * PAGE);
    await writeAt(path, 0, Buffer.alloc(PAGE, cut), true);
    await writeAt(path, 2 * PAGE, Buffer.alloc(PAGE, cut), false);
    t.is((await readFile(path))[2 * PAGE], cut, "it is there for those who look before");
    await storage.cut(cut);
    const after = await readFile(path);
    t.true(after.subarray(0, PAGE).equals(Buffer.alloc(PAGE, cut)));
    for (let at = 0; at < PAGE; at += 512) {
      const sector = after.subarray(2 * PAGE + at, 2 * PAGE + at + 512);
      const isNew = sector.equals(Buffer.alloc(512, cut));
      t.true(isNew || sector.equals(before.subarray(at, at + 512)));
    }
    const bytes = new Set(after.subarray(2 * PAGE, 3 * PAGE));
    seen.add(bytes.size > 1 ? "torn" : bytes.has(cut) ? "new" : "old");
  }
  t.true(seen.has("old") && seen.has("new"), [...seen].join());
});

test("a file that is replaced without a sync is the old one, or the new one with or without what is in it", async (t) => {
  const storage = await VolatileStorage.mount(t);
  const path = join(storage.directory, "file");
  const found = new Set<string>();
  for (let cut = 1; cut <= CUTS; cut += 1) {
    await writeFile(path, "old");
    await syncFile(path);
    await writeFile(`${path}.new`, "new");
    await rename(`${path}.new`, path);
    await storage.cut(cut);
    const names = await readdir(storage.directory);
    t.true(names.includes("file"));
    found.add(await readFile(path, "utf8"));
  }
  for (const text of found) t.true(["old", "new", "", "\0\0\0"].includes(text), JSON.stringify(text));
  t.true(found.has("old") && (found.has("") || found.has("\0\0\0")), "the new name without the new contents");
});

test("names come and go in their order, and a sync of anything keeps all that were made before", async (t) => {
  const storage = await VolatileStorage.mount(t);
  for (let cut = 1; cut <= CUTS; cut += 1) {
    const directory = join(storage.directory, String(cut));
    await mkdir(directory);
    await writeFile(join(directory, "a"), "");
    await syncFile(join(directory, "a"));
    for (const name of ["b", "c", "d"]) await writeFile(join(directory, name), "");
    await storage.cut(cut);
    const names = (await readdir(directory)).sort();
    t.deepEqual(names, ["a", "b", "c", "d"].slice(0, names.length));
    t.true(names.length >= 1);
  }
});

/** Twenty commits, and no end. */
const COMMITS = `
  import { DatabaseSync } from "node:sqlite";
  const [path, mode] = process.argv.slice(1);
  const database = new DatabaseSync(path);
  database.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=" + mode + "; CREATE TABLE t (n INTEGER)");
  for (let n = 0; n < 20; n += 1) database.exec("INSERT INTO t VALUES (" + n + ")");
  process.kill(process.pid, "SIGKILL");`;

test("a database that syncs its commits has all of them, and one that does not loses some", async (t) => {
  t.deepEqual(await survivors(t, "FULL"), [20, 20, 20, 20]);
  t.true((await survivors(t, "OFF")).some((rows) => rows < 20));
});

async function survivors(t: ExecutionContext, mode: string): Promise<number[]> {
  const storage = await VolatileStorage.mount(t);
  const rows: number[] = [];
  for (let cut = 1; cut <= 4; cut += 1) {
    const path = join(storage.directory, `${cut}.sqlite`);
    const args = ["--disable-warning=ExperimentalWarning", "--input-type=module", "-e", COMMITS, path, mode];
    t.is((await execa(process.execPath, args, { reject: false })).signal, "SIGKILL");
    await storage.cut(cut);
    rows.push(countRows(path));
  }
  return rows;
}

/** None where not even the table is there. */
function countRows(path: string): number {
  using database = new DatabaseSync(path);
  const tables = database.prepare("SELECT name FROM sqlite_schema").all();
  if (tables.length === 0) return 0;
  return (database.prepare("SELECT count(*) AS n FROM t").get() as { n: number }).n;
}
