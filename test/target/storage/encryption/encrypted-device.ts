/** What lies encrypted, what a change of the key does to it, and where the key is. */
import { copyFile, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { OK } from "node-iscsi-target/storage/block-device.ts";
import { EncryptedDevice } from "node-iscsi-target/storage/encryption/encrypted-device.ts";
import { KeyFile } from "node-iscsi-target/storage/encryption/key-file.ts";
import { MemoryDevice } from "node-iscsi-target/storage/memory-device.ts";
import { openDevice } from "node-iscsi-target/storage/open-device.ts";
import { blockDeviceConformance, CONFORMANCE_BYTES } from "../../../helpers/block-device-conformance.ts";

async function place(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "sanlab-encryption-"));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

for (const blockBytes of [512, 4096] as const) {
  blockDeviceConformance(
    test,
    `encrypted memory, blocks of ${blockBytes}`,
    () => new EncryptedDevice(new MemoryDevice({ sizeBytes: CONFORMANCE_BYTES, blockBytes })),
  );
  blockDeviceConformance(test, `an encrypted image, blocks of ${blockBytes}`, async (t) => {
    const directory = await place(t);
    const image = openDevice(join(directory, "disk.img"), { sizeBytes: CONFORMANCE_BYTES, blockBytes });
    return new EncryptedDevice(image, await KeyFile.create(join(directory, "key")));
  });
}

function contents(device: MemoryDevice | EncryptedDevice, offset = 0, length = 4096): Buffer {
  const into = Buffer.alloc(length);
  if (device.read(offset, into) !== OK) throw new Error("It did not answer in the same turn.");
  return into;
}

test("equal blocks are stored as different ones, and neither as what was written", async (t) => {
  const stored = new MemoryDevice({ sizeBytes: 1024 * 1024 });
  const device = new EncryptedDevice(stored);
  const data = Buffer.alloc(4096, "sixteen bytes...");
  await device.write(512, [data.subarray(0, 700), data.subarray(700)]);
  t.deepEqual(contents(device, 512), data);
  const blocks = Array.from({ length: 8 }, (_, at) => contents(stored, 512 + at * 512, 512).toString("hex"));
  t.is(new Set(blocks).size, 8);
  t.false(contents(stored, 512).includes("sixteen bytes..."));
  t.deepEqual(data, Buffer.alloc(4096, "sixteen bytes..."), "the caller's data is as it was");
});

test("a change of the key makes everything unreadable without touching it, but for what was given back", async (t) => {
  const stored = new MemoryDevice({ sizeBytes: 1024 * 1024 });
  const device = new EncryptedDevice(stored);
  await device.write(0, [Buffer.alloc(8192, 7)]);
  await device.unmap(4096, 4096);
  const before = contents(stored, 0, 8192);
  t.is(await device.cryptoErase(), OK);
  t.deepEqual(contents(stored, 0, 8192), before);
  t.notDeepEqual(contents(device), Buffer.alloc(4096, 7));
  t.deepEqual(contents(device, 4096), Buffer.alloc(4096));
  await device.write(0, [Buffer.alloc(4096, 8)]);
  t.deepEqual(contents(device), Buffer.alloc(4096, 8));
});

test("the key of a file is changed there, and the old one overwritten; only a copy of it reads the contents again", async (t) => {
  const directory = await place(t);
  const path = join(directory, "key");
  const stored = new MemoryDevice({ sizeBytes: 1024 * 1024 });
  const device = new EncryptedDevice(stored, await KeyFile.create(path));
  t.is((await stat(path)).mode & 0o777, 0o600);
  await device.write(0, [Buffer.alloc(4096, 7)]);
  await copyFile(path, join(directory, "copy"));
  t.is(await device.cryptoErase(), OK);
  t.notDeepEqual(await readFile(path), await readFile(join(directory, "copy")));
  const noise = contents(device);
  t.deepEqual(contents(new EncryptedDevice(stored, KeyFile.open(path))), noise, "after a restart it is the same");
  t.deepEqual(contents(new EncryptedDevice(stored, KeyFile.open(join(directory, "copy")))), Buffer.alloc(4096, 7));
});

test("where the key cannot be changed the erase fails, and what is there can still be read", async (t) => {
  const directory = await place(t);
  const path = join(directory, "key");
  const device = new EncryptedDevice(new MemoryDevice({ sizeBytes: 1024 * 1024 }), await KeyFile.create(path));
  await device.write(0, [Buffer.alloc(4096, 7)]);
  await rm(directory, { recursive: true });
  await t.throwsAsync(async () => device.cryptoErase(), { code: "ENOENT" });
  t.deepEqual(contents(device), Buffer.alloc(4096, 7));
});

test("a file that holds no key is refused without saying what it holds; one that is not there is none", async (t) => {
  const path = join(await place(t), "key");
  t.is(KeyFile.open(path), undefined);
  await writeFile(path, "hunter2 is my password");
  const { message } = t.throws(() => KeyFile.open(path), { code: "key" });
  t.false(message.includes("hunter2"));
});
