import { once } from "node:events";
import { closeSync, openSync, writeFileSync } from "node:fs";
import test, { type ExecutionContext } from "ava";
import { execa } from "execa";
import { tryLock, tryLockRange, unlock, unlockRange } from "node-iscsi-target/storage/syscalls/locks.ts";
import { scratchImage } from "../../../helpers/scratch.ts";

/** A file opened several times; what a test closes itself is closed once only. */
async function opened(t: ExecutionContext, count: number) {
  const path = await scratchImage(t);
  writeFileSync(path, "x");
  const open = new Set(Array.from({ length: count }, () => openSync(path, "r+")));
  const close = (fd: number): void => {
    if (open.delete(fd)) closeSync(fd);
  };
  t.teardown(() => {
    for (const fd of open) close(fd);
  });
  const [a, b, c] = [...open] as [number, number, number];
  return { a, b, c, close };
}

test("an exclusive lock keeps everyone else out until it is given back", async (t) => {
  const { a, b } = await opened(t, 2);
  t.true(tryLock(a, "exclusive"));
  t.true(tryLock(a, "exclusive"), "its holder may take it again");
  t.false(tryLock(b, "shared"));
  t.false(tryLock(b, "exclusive"));
  unlock(a);
  t.true(tryLock(b, "exclusive"));
});

test("shared locks go together, and keep an exclusive one out", async (t) => {
  const { a, b, c, close } = await opened(t, 3);
  t.true(tryLock(a, "shared"));
  t.true(tryLock(b, "shared"));
  t.false(tryLock(c, "exclusive"));
  t.false(tryLock(a, "exclusive"));
  close(b);
  t.true(tryLock(a, "exclusive"));
});

test("ranges are locked each for itself, past the end of the file too", async (t) => {
  const { a, b } = await opened(t, 2);
  t.true(tryLockRange(a, "exclusive", 2 ** 40, 1));
  t.true(tryLockRange(b, "exclusive", 2 ** 40 + 1, 1));
  t.false(tryLockRange(b, "shared", 2 ** 40, 1));
  t.false(tryLockRange(b, "exclusive", 0, 2 ** 41));
  t.true(tryLockRange(a, "shared", 2 ** 40, 1), "its holder may change it");
  t.true(tryLockRange(b, "shared", 2 ** 40, 1));
  unlockRange(a, 2 ** 40, 1);
  t.true(tryLockRange(b, "exclusive", 2 ** 40, 1));
  t.true(tryLock(a, "exclusive"), "a lock of the whole is another lock");
});

test("a range stays locked when another descriptor of the same file is closed, and goes with its own", async (t) => {
  const { a, b, c, close } = await opened(t, 3);
  t.true(tryLockRange(a, "exclusive", 0, 1));
  close(b);
  t.false(tryLockRange(c, "exclusive", 0, 1));
  close(a);
  t.true(tryLockRange(c, "exclusive", 0, 1));
});

test("a range lock ends with the process that held it", async (t) => {
  const path = await scratchImage(t);
  writeFileSync(path, "x");
  const source = `
    const { openSync } = await import("node:fs");
    const { tryLockRange } = await import("node-iscsi-target/storage/syscalls/locks.ts");
    console.log(tryLockRange(openSync(process.argv[1], "r+"), "exclusive", 7, 1));
    setInterval(() => {}, 1000);`;
  const holder = execa(process.execPath, ["--input-type=module", "-e", source, path], {
    cwd: import.meta.dirname,
    reject: false,
  });
  t.teardown(async () => {
    holder.kill("SIGKILL");
    await holder;
  });
  const [said] = await once(holder.stdout, "data");
  t.is(String(said), "true\n");
  const fd = openSync(path, "r+");
  t.teardown(() => closeSync(fd));
  t.false(tryLockRange(fd, "shared", 7, 1));
  holder.kill("SIGKILL");
  await holder;
  t.true(tryLockRange(fd, "exclusive", 7, 1));
});

test("a lock on what is not open fails with the name of the errno", (t) => {
  t.throws(() => tryLock(987_654, "exclusive"), { code: "EBADF" });
  t.throws(() => tryLockRange(987_654, "exclusive", 0, 1), { code: "EBADF" });
});
