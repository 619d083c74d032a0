import { closeSync, openSync, readFileSync, statSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { release } from "node:os";
import test, { type ExecutionContext } from "ava";
import { isCached } from "node-iscsi-target/storage/syscalls/cachestat.ts";
import { allocateRange, punchHole, zeroRange } from "node-iscsi-target/storage/syscalls/fallocate.ts";
import {
  addressAsNumber,
  addressOf,
  rememberAddress,
  SystemCallError,
} from "node-iscsi-target/storage/syscalls/libc.ts";
import { canReadWithoutWaiting, readWithoutWaiting } from "node-iscsi-target/storage/syscalls/preadv2.ts";
import { nextData, nextHole } from "node-iscsi-target/storage/syscalls/seek.ts";
import { scratchImage } from "../../../helpers/scratch.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

async function file(t: ExecutionContext, content: Buffer): Promise<{ path: string; fd: number }> {
  const path = await scratchImage(t);
  writeFileSync(path, content, { flush: true });
  const fd = openSync(path, "r+");
  t.teardown(() => closeSync(fd));
  return { path, fd };
}

test("a punched range reads as zeros and takes no space", async (t) => {
  const { path, fd } = await file(t, Buffer.alloc(4 * MIB, 7));
  await punchHole(fd, MIB, 2 * MIB);
  t.is(statSync(path).blocks * 512, 2 * MIB);
  const image = readFileSync(path);
  t.is(image.length, 4 * MIB);
  t.true(image.subarray(MIB, 3 * MIB).every((byte) => byte === 0));
  t.true(image.subarray(0, MIB).every((byte) => byte === 7));
  t.is(nextHole(fd, 0), MIB);
  t.is(nextData(fd, MIB), 3 * MIB);
  t.is(nextHole(fd, 3 * MIB), 4 * MIB);
  await punchHole(fd, 3 * MIB, MIB);
  t.is(nextData(fd, MIB), undefined);
});

test("a zeroed range reads as zeros and stays allocated", async (t) => {
  const { path, fd } = await file(t, Buffer.alloc(4 * MIB, 7));
  await zeroRange(fd, MIB, 2 * MIB);
  t.is(statSync(path).blocks * 512, 4 * MIB);
  t.true(
    readFileSync(path)
      .subarray(MIB, 3 * MIB)
      .every((byte) => byte === 0),
  );
});

test("an allocated range takes its space at once, and the file keeps its length", async (t) => {
  const { path, fd } = await file(t, Buffer.alloc(4 * KIB, 7));
  await allocateRange(fd, 0, 4 * MIB);
  t.is(statSync(path).size, 4 * KIB);
  t.true(statSync(path).blocks * 512 >= 4 * MIB);
});

test("a system call that fails says which it was, and the name of the errno", async (t) => {
  const error = await t.throwsAsync(punchHole(987_654, 0, 4096), { instanceOf: SystemCallError });
  t.like(error, { code: "EBADF", syscall: "fallocate", message: "fallocate: EBADF" });
  t.throws(() => nextData(987_654, 0), { instanceOf: SystemCallError, code: "EBADF" });
});

test("a read without waiting fills the view that it is given, and nothing else", async (t) => {
  const { fd } = await file(t, Buffer.from("0123456789".repeat(1000)));
  t.true(canReadWithoutWaiting(fd));
  readFileSync(`/proc/self/fd/${fd}`);
  const whole = Buffer.alloc(64, 0x2e);
  t.is(readWithoutWaiting(fd, whole.subarray(10, 15), 13), 5);
  t.is(whole.toString("latin1", 8, 17), "..34567..");
  const small = new Uint8Array(4);
  t.is(readWithoutWaiting(fd, small, 20), 4);
  t.is(Buffer.from(small).toString(), "0123");
});

test("a read without waiting gives what there is, and nothing past the end or where it fails", async (t) => {
  const { fd } = await file(t, Buffer.alloc(1000, 7));
  readFileSync(`/proc/self/fd/${fd}`);
  t.is(readWithoutWaiting(fd, Buffer.alloc(512), 900), 100);
  t.is(readWithoutWaiting(fd, Buffer.alloc(512), 1000), 0);
  t.is(readWithoutWaiting(987_654, Buffer.alloc(512), 0), 0);
});

test("the page cache has what was written or read, and all of a range or not", async (t) => {
  const { fd } = await file(t, Buffer.alloc(MIB, 7));
  truncateSync(`/proc/self/fd/${fd}`, 3 * MIB);
  const [major = 0, minor = 0] = release().split(".").map(Number);
  const canTell = major > 6 || (major === 6 && minor >= 5);
  t.is(isCached(fd, 0, MIB), canTell);
  t.is(isCached(fd, 512, MIB - 512), canTell);
  t.false(isCached(fd, 0, MIB + 1));
  t.false(isCached(fd, 2 * MIB, 4 * KIB));
  writeSync(fd, Buffer.alloc(4 * KIB), 0, 4 * KIB, 2 * MIB);
  t.is(isCached(fd, 2 * MIB, 4 * KIB), canTell);
  t.false(isCached(987_654, 0, 4 * KIB), "nothing is known of a file that is not open");
});

test("the address of a view is that of its first byte", (t) => {
  const whole = Buffer.allocUnsafeSlow(100);
  t.is(addressOf(whole.subarray(33)) - addressOf(whole), 33n);
  const slice = whole.subarray(33);
  t.is(addressAsNumber(slice), Number(addressOf(slice)));
  rememberAddress(slice);
  for (const view of [whole, slice, whole.subarray(5)]) t.is(addressAsNumber(view), Number(addressOf(view)));
});
