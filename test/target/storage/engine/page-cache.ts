import { closeSync, openSync, readFileSync } from "node:fs";
import test from "ava";
import { OK } from "node-iscsi-target/storage/block-device.ts";
import { PageCacheEngine } from "node-iscsi-target/storage/engine/page-cache.ts";
import { ThreadQueue } from "node-iscsi-target/storage/engine/thread-queue.ts";
import { scratchImage } from "../../../helpers/scratch.ts";

test("writes are done in the same turn until one was slow, then by the thread pool until it has been quick for a while", async (t) => {
  const path = await scratchImage(t);
  const fd = openSync(path, "w+");
  t.teardown(() => closeSync(fd));
  let nowMs = 0;
  let eachTakesMs = 0;
  const engine = new PageCacheEngine(fd, "pool", new ThreadQueue(), () => {
    nowMs += eachTakesMs;
    return nowMs;
  });
  let written = 0;
  const write = () => engine.write(written++ * 512, [Buffer.alloc(512, written)]);
  t.is(write(), OK);
  eachTakesMs = 50;
  t.is(write(), OK, "how long it takes is known only afterwards");
  const pooled = write();
  t.true(pooled instanceof Promise);
  t.is(await pooled, OK);
  eachTakesMs = 0;
  nowMs += 999;
  const stillPooled = write();
  t.true(stillPooled instanceof Promise, "the pool was slow less than a second ago");
  t.is(await stillPooled, OK);
  nowMs += 100;
  t.is(write(), OK);
  const image = readFileSync(path);
  for (let at = 0; at < written; at += 1) t.is(image[at * 512], at + 1);
});

test("large writes leave the loop to others", async (t) => {
  const fd = openSync(await scratchImage(t), "w+");
  t.teardown(() => closeSync(fd));
  const engine = new PageCacheEngine(fd, "pool", new ThreadQueue());
  const write = engine.write(0, [Buffer.alloc(1024 * 1024, 7)]);
  t.true(write instanceof Promise);
  t.is(await write, OK);
});

test("a file system that cannot read without waiting is read on the thread pool only", async (t) => {
  const fd = openSync(await scratchImage(t), "w+");
  t.teardown(() => closeSync(fd));
  const engine = new PageCacheEngine(fd, "pool", new ThreadQueue());
  await engine.write(0, [Buffer.alloc(4096, 7)]);
  const into = Buffer.alloc(4096);
  const read = engine.read(0, into);
  t.true(read instanceof Promise);
  t.is(await read, OK);
  t.true(into.every((byte) => byte === 7));
});
