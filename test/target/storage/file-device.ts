import { fstatSync, readFileSync } from "node:fs";
import test, { type ExecutionContext } from "ava";
import { OK } from "node-iscsi-target/storage/block-device.ts";
import { PageCacheEngine } from "node-iscsi-target/storage/engine/page-cache.ts";
import { SyncGroup } from "node-iscsi-target/storage/engine/sync-group.ts";
import { ThreadQueue } from "node-iscsi-target/storage/engine/thread-queue.ts";
import { FileDevice } from "node-iscsi-target/storage/file-device.ts";
import { type DeviceOptions, openDevice } from "node-iscsi-target/storage/open-device.ts";
import { openFile } from "node-iscsi-target/storage/open-file.ts";
import { blockDeviceConformance, CONFORMANCE_BYTES } from "../../helpers/block-device-conformance.ts";
import { scratchImage } from "../../helpers/scratch.ts";

const KINDS: Readonly<Record<string, DeviceOptions & { readonly parent?: string }>> = {
  "an image": {},
  "an image in blocks of 4096": { blockBytes: 4096 },
  "a thick image": { thin: false },
  "an image written through": { cache: "writethrough" },
  "an image past the page cache": { cache: "none" },
  "an image past the page cache in blocks of 4096": { cache: "none", blockBytes: 4096 },
  "an image in memory": { parent: "/dev/shm" },
  "a thick image in memory": { parent: "/dev/shm", thin: false },
};

for (const [name, { parent, ...options }] of Object.entries(KINDS)) {
  blockDeviceConformance(test, name, async (t: ExecutionContext) =>
    openDevice(await scratchImage(t, parent), { sizeBytes: CONFORMANCE_BYTES, ...options }),
  );
}

/** A device whose syncs the test ends; at the beginning of each it notes the first byte of the image. */
async function watched(t: ExecutionContext, { writeThrough = false } = {}) {
  const path = await scratchImage(t);
  const file = openFile(path, { sizeBytes: CONFORMANCE_BYTES });
  const threads = new ThreadQueue();
  const found: (number | undefined)[] = [];
  const ends: (() => void)[] = [];
  const syncs = new SyncGroup(file.fd, (_fd, done) => {
    found.push(readFileSync(path)[0]);
    ends.push(() => done(null));
  });
  const device = new FileDevice(
    file,
    { engine: new PageCacheEngine(file.fd, "pool", threads), threads, syncs },
    { blockBytes: 512, readOnly: false, thin: true, writeThrough },
  );
  t.teardown(() => device.close());
  const begun = async () => {
    while (ends.length === 0) await new Promise((resolve) => setImmediate(resolve));
    return ends.pop() as () => void;
  };
  return { device, found, begun };
}

type Watched = Awaited<ReturnType<typeof watched>>;

/** `start` is answered when a sync that began after it has ended, and not before. */
async function reachesMedium(
  t: ExecutionContext,
  { device, found, begun }: Watched,
  start: (device: FileDevice) => unknown,
) {
  let isDone = false;
  const done = Promise.resolve(start(device)).then((result) => {
    isDone = true;
    return result;
  });
  const end = await begun();
  await new Promise((resolve) => setImmediate(resolve));
  t.false(isDone);
  end();
  t.is(await done, OK);
  return found.at(-1);
}

for (const [size, bytes] of [
  ["small", 512],
  ["large", 1024 * 1024],
] as const) {
  const data = [Buffer.alloc(bytes, 7)];

  test(`a ${size} write with FUA is answered when a sync that began after it has ended`, async (t) => {
    t.is(await reachesMedium(t, await watched(t), (device) => device.write(0, data, { fua: true })), 7);
  });

  test(`a ${size} write to a device written through is answered when a sync that began after it has ended`, async (t) => {
    const state = await watched(t, { writeThrough: true });
    t.is(await reachesMedium(t, state, (device) => device.write(0, data)), 7);
  });

  test(`a ${size} write without FUA does not wait for the medium`, async (t) => {
    const { device, found } = await watched(t);
    t.is(await device.write(0, data), OK);
    t.deepEqual(found, []);
  });
}

test("zeroes with FUA, and what is unmapped of a device written through, are answered when the medium has them", async (t) => {
  const state = await watched(t);
  await state.device.write(0, [Buffer.alloc(4096, 7)]);
  t.is(await reachesMedium(t, state, (device) => device.writeZeroes(0, 4096, { fua: true })), 0);
  const through = await watched(t, { writeThrough: true });
  t.is(await reachesMedium(t, through, (device) => device.unmap(0, 4096)), 0);
});

test("a flush is answered when a sync that began after it has ended", async (t) => {
  t.is(await reachesMedium(t, await watched(t), (device) => device.flush()), 0);
});

test("its close waits for a write and for the sync that follows it, though nothing is under way in between", async (t) => {
  const { device, begun } = await watched(t, { writeThrough: true });
  const written = Promise.resolve(device.write(0, [Buffer.alloc(512, 7)]));
  let isClosed = false;
  const closed = device.close().then(() => {
    isClosed = true;
  });
  const end = await begun();
  await new Promise((resolve) => setImmediate(resolve));
  t.false(isClosed);
  t.true(fstatSync(device.fd).isFile());
  end();
  t.is(await written, OK);
  await closed;
});

test("a thin image tells what it takes, and that it takes less once a part is given back; a thick one tells nothing", async (t) => {
  const device = openDevice(await scratchImage(t), { sizeBytes: CONFORMANCE_BYTES });
  t.teardown(() => device.close());
  const before = device.resources?.();
  t.is(before?.usedBytes, 0);
  t.true((before?.availableBytes ?? 0) > 0);
  await device.write(0, [Buffer.alloc(1024 * 1024, 1)]);
  await device.flush();
  t.true((device.resources?.().usedBytes ?? 0) >= 1024 * 1024);
  await device.unmap(0, 1024 * 1024);
  await device.flush();
  t.true((device.resources?.().usedBytes ?? 0) < 1024 * 1024);
  const thick = openDevice(await scratchImage(t), { sizeBytes: CONFORMANCE_BYTES, thin: false });
  t.teardown(() => thick.close());
  t.is(thick.resources, undefined);
});
