import { once } from "node:events";
import { existsSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import test, { type ExecutionContext } from "ava";
import { execa } from "execa";
import { OK } from "node-iscsi-target/storage/block-device.ts";
import { type DeviceOptions, openDevice } from "node-iscsi-target/storage/open-device.ts";
import { UserError } from "node-iscsi-target/storage/user-error.ts";
import { scratchImage } from "../../helpers/scratch.ts";

const MIB = 1024 * 1024;

function open(t: ExecutionContext, path: string, options?: DeviceOptions) {
  const device = openDevice(path, options);
  t.teardown(() => device.close());
  return device;
}

/** Refused with this code, in one sentence that names the file. */
function refused(t: ExecutionContext, path: string, options: DeviceOptions, code: string): void {
  const error = t.throws(() => openDevice(path, options), { instanceOf: UserError, code });
  t.true(error?.message.startsWith(path));
  t.regex(error?.message ?? "", /^[^\n]+: [^\n]+\.$/);
}

test("an image is created sparse, in the size that was asked for, for its owner alone", async (t) => {
  const path = await scratchImage(t);
  const device = open(t, path, { sizeBytes: 1024 * MIB });
  t.is(device.sizeBytes, 1024 * MIB);
  const { size, blocks, mode } = statSync(path);
  t.is(size, 1024 * MIB);
  t.true(blocks * 512 < MIB);
  t.is(mode & 0o777, 0o600);
});

test("an image that exists keeps its contents, and is lengthened where the size says so", async (t) => {
  const path = await scratchImage(t);
  writeFileSync(path, Buffer.alloc(MIB, 7));
  await openDevice(path, { sizeBytes: MIB }).close();
  const device = open(t, path, { sizeBytes: 2 * MIB });
  t.is(device.sizeBytes, 2 * MIB);
  const image = readFileSync(path);
  t.true(image.subarray(0, MIB).every((byte) => byte === 7));
  t.true(image.subarray(MIB).every((byte) => byte === 0));
});

test("an image is never cut to a smaller size", async (t) => {
  const path = await scratchImage(t);
  writeFileSync(path, Buffer.alloc(2 * MIB, 7));
  refused(t, path, { sizeBytes: MIB }, "DEVICE_SIZE");
  t.is(statSync(path).size, 2 * MIB);
});

test("an image that is read-only is neither created nor lengthened", async (t) => {
  const path = await scratchImage(t);
  refused(t, path, { sizeBytes: MIB, readOnly: true }, "DEVICE_MISSING");
  writeFileSync(path, Buffer.alloc(MIB));
  refused(t, path, { sizeBytes: 2 * MIB, readOnly: true }, "DEVICE_READ_ONLY");
  t.is(statSync(path).size, MIB);
});

test("a last part of a block does not exist for hosts", async (t) => {
  const path = await scratchImage(t);
  writeFileSync(path, Buffer.alloc(MIB + 1000, 7));
  t.is(open(t, path, { blockBytes: 512, lock: "none" }).sizeBytes, MIB + 512);
  t.is(open(t, path, { blockBytes: 4096, lock: "none" }).sizeBytes, MIB);
});

test("a size that is not a whole number of blocks is refused", async (t) => {
  const path = await scratchImage(t);
  refused(t, path, { sizeBytes: MIB + 512, blockBytes: 4096 }, "DEVICE_SIZE");
  refused(t, path, { sizeBytes: 0 }, "DEVICE_SIZE");
  t.false(existsSync(path));
});

test("what cannot be a device is refused in one sentence", async (t) => {
  const path = await scratchImage(t);
  refused(t, path, {}, "DEVICE_MISSING");
  refused(t, `${path}/none/image`, { sizeBytes: MIB }, "DEVICE_MISSING");
  refused(t, dirname(path), {}, "DEVICE_UNSUITABLE");
  refused(t, "/dev/null", {}, "DEVICE_UNSUITABLE");
  writeFileSync(path, Buffer.alloc(100));
  refused(t, path, {}, "DEVICE_SIZE");
  refused(t, `${path}/part`, {}, "DEVICE_MISSING");
});

test("an image that could not be made in its size is not left behind", async (t) => {
  const path = await scratchImage(t);
  refused(t, path, { sizeBytes: 2 ** 53 - 512 }, "DEVICE_SIZE");
  t.false(existsSync(path));
});

test("an image that somebody else has open is refused, and left as it is", async (t) => {
  const path = await scratchImage(t);
  const first = openDevice(path, { sizeBytes: MIB });
  refused(t, path, {}, "DEVICE_IN_USE");
  refused(t, path, { readOnly: true }, "DEVICE_IN_USE");
  refused(t, path, { sizeBytes: 2 * MIB }, "DEVICE_IN_USE");
  t.is(statSync(path).size, MIB);
  await openDevice(path, { lock: "none" }).close();
  await first.close();
  await openDevice(path).close();
});

test("readers share an image, and keep writers out", async (t) => {
  const path = await scratchImage(t);
  writeFileSync(path, Buffer.alloc(MIB));
  open(t, path, { readOnly: true });
  open(t, path, { readOnly: true });
  refused(t, path, {}, "DEVICE_IN_USE");
});

test("a lock ends with the process that held it, however that ends", async (t) => {
  const path = await scratchImage(t);
  const source = `
    const { openDevice } = await import("node-iscsi-target/storage/open-device.ts");
    openDevice(process.argv[1], { sizeBytes: 1048576 });
    console.log("open");
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
  t.is(String(said), "open\n");
  refused(t, path, {}, "DEVICE_IN_USE");
  holder.kill("SIGKILL");
  await holder;
  open(t, path);
});

test("a device that is read-only refuses whatever writes, and has nothing to flush", async (t) => {
  const path = await scratchImage(t);
  writeFileSync(path, Buffer.alloc(MIB, 7));
  const device = open(t, path, { readOnly: true });
  for (const write of [device.write(0, [Buffer.alloc(512)]), device.unmap(0, 512), device.writeZeroes(0, 512)]) {
    t.deepEqual(await write, { kind: "write-protected" });
  }
  t.is(await device.flush(), OK);
  t.true(readFileSync(path).every((byte) => byte === 7));
});

test("an image that is cut short under the device reads as a medium error from there on", async (t) => {
  const path = await scratchImage(t);
  const device = open(t, path, { sizeBytes: MIB });
  await device.write(0, [Buffer.alloc(MIB, 7)]);
  truncateSync(path, 512 * 1024 + 512);
  t.is(await device.read(512 * 1024, Buffer.alloc(512)), OK);
  t.deepEqual(await device.read(512 * 1024, Buffer.alloc(4096)), { kind: "medium-error", offset: 512 * 1024 + 512 });
  t.deepEqual(await device.read(768 * 1024, Buffer.alloc(512)), { kind: "medium-error", offset: 768 * 1024 });
});

test("a write past what the file system can hold is out of space", async (t) => {
  const path = await scratchImage(t);
  const source = `
    const { openDevice } = await import("node-iscsi-target/storage/open-device.ts");
    const device = openDevice(process.argv[1]);
    process.on("SIGXFSZ", () => {});
    const inline = await device.write(1048576, [Buffer.alloc(4096)]);
    const pooled = await device.write(1048576, [Buffer.alloc(524288)]);
    console.log(JSON.stringify([inline, pooled]));`;
  writeFileSync(path, "");
  truncateSync(path, 8 * MIB);
  // `ulimit -f` counts 1024 bytes: nothing may be written past 1 MiB.
  const script = 'ulimit -f 1024; exec "$0" --input-type=module -e "$1" "$2"';
  const { stdout } = await execa("bash", ["-c", script, process.execPath, source, path], { cwd: import.meta.dirname });
  t.deepEqual(JSON.parse(stdout), [{ kind: "no-space" }, { kind: "no-space" }]);
});

test("past the page cache, a file system that cannot is refused, and blocks are at least those of the medium", async (t) => {
  refused(t, "/proc/version", { cache: "none", readOnly: true }, "DEVICE_UNSUITABLE");
  const device = open(t, await scratchImage(t), { cache: "none", sizeBytes: MIB });
  t.is(device.ioMode, "direct");
});

test("an image in memory is read in the same turn, and one on a disk from the page cache", async (t) => {
  const memory = open(t, await scratchImage(t, "/dev/shm"), { sizeBytes: MIB });
  t.is(memory.ioMode, "memory");
  t.is(memory.read(0, Buffer.alloc(4096)), OK);
  const disk = open(t, await scratchImage(t), { sizeBytes: MIB });
  t.is(disk.ioMode, "nowait");
  await disk.write(0, [Buffer.alloc(4096, 1)]);
  t.is(disk.read(0, Buffer.alloc(4096)), OK);
});

test("what the page cache does not have is read on the thread pool, and the next time at once", async (t) => {
  const path = await scratchImage(t);
  const writer = openDevice(path, { sizeBytes: 16 * MIB, cache: "none" });
  await writer.write(0, [Buffer.alloc(16 * MIB, 7)]);
  await writer.close();
  const device = open(t, path);
  const into = Buffer.alloc(4096);
  let misses = 0;
  for (let offset = MIB; offset < 16 * MIB; offset += MIB) {
    const first = device.read(offset, into.fill(0));
    if (first instanceof Promise) misses += 1;
    t.is(await first, OK);
    t.true(into.every((byte) => byte === 7));
    t.is(device.read(offset, into.fill(0)), OK);
    t.true(into.every((byte) => byte === 7));
  }
  // The kernel reads ahead when it refuses, and a quick medium may be there before us now and then.
  t.true(misses > 0);
});
