import { closeSync, openSync, readFileSync } from "node:fs";
import test, { type ExecutionContext } from "ava";
import { OK } from "node-iscsi-target/storage/block-device.ts";
import { PageCacheEngine } from "node-iscsi-target/storage/engine/page-cache.ts";
import { ThreadQueue } from "node-iscsi-target/storage/engine/thread-queue.ts";
import { scratchImage } from "../../../helpers/scratch.ts";

/** An engine whose clock the test sets: each look at it moves it on by `eachTakesMs`, and a slow write is one that waited, unless `isPreempted`. */
async function pacedEngine(t: ExecutionContext) {
  const path = await scratchImage(t);
  const fd = openSync(path, "w+");
  t.teardown(() => closeSync(fd));
  const clock = { nowMs: 0, eachTakesMs: 0, isPreempted: false, waits: 0 };
  const engine = new PageCacheEngine(fd, "nowait", new ThreadQueue(), {
    nowMs: () => {
      clock.nowMs += clock.eachTakesMs;
      return clock.nowMs;
    },
    waits: () => {
      if (!clock.isPreempted) clock.waits += 1;
      return clock.waits;
    },
    afterTurn: setImmediate,
  });
  let written = 0;
  const write = () => engine.write(written++ * 512, [Buffer.alloc(512, written)]);
  const verify = () => {
    const image = readFileSync(path);
    for (let at = 0; at < written; at += 1) t.is(image[at * 512], at + 1);
  };
  /** Writes once, slowly, inline. */
  const stumble = () => {
    clock.eachTakesMs = 50;
    t.is(write(), OK, "how long it takes is known only afterwards");
    clock.eachTakesMs = 0;
  };
  return { clock, write, verify, stumble };
}

test("a write that was slow in the loop sends the next ones to the thread pool for a while", async (t) => {
  const { clock, write, verify, stumble } = await pacedEngine(t);
  t.is(write(), OK);
  stumble();
  clock.nowMs += 49;
  const pooled = write();
  t.true(pooled instanceof Promise);
  t.is(await pooled, OK);
  clock.nowMs += 1;
  t.is(write(), OK);
  verify();
});

test("a write that took long because the processor was taken away leaves the next ones in the loop", async (t) => {
  const { clock, write, verify, stumble } = await pacedEngine(t);
  clock.isPreempted = true;
  for (let at = 0; at < 5; at += 1) stumble();
  t.is(write(), OK);
  clock.eachTakesMs = 101;
  t.is(write(), OK);
  clock.eachTakesMs = 0;
  const pooled = write();
  t.true(pooled instanceof Promise, "a tenth of a second is too long for anybody to wait");
  t.is(await pooled, OK);
  verify();
});

test("a device that is slow again and again is left to the thread pool for longer each time", async (t) => {
  const { clock, write, verify, stumble } = await pacedEngine(t);
  for (const pauseMs of [50, 100, 200, 400, 800, 1600, 2000, 2000]) {
    stumble();
    clock.nowMs += pauseMs - 1;
    const pooled = write();
    t.true(pooled instanceof Promise, `${pauseMs} ms have not passed`);
    t.is(await pooled, OK);
    clock.nowMs += 1;
  }
  clock.nowMs += 2001;
  t.is(write(), OK);
  stumble();
  clock.nowMs += 50;
  t.is(write(), OK, "it has been quick for long, so the pause is short again");
  verify();
});

test("nothing is tried in the loop while a write in the thread pool has not come back", async (t) => {
  const { clock, write, verify, stumble } = await pacedEngine(t);
  stumble();
  const hanging = write();
  clock.nowMs += 10_000;
  const next = write();
  t.true(next instanceof Promise);
  t.deepEqual(await Promise.all([hanging, next]), [OK, OK]);
  verify();
});

test("a file system that cannot read without waiting is written on the thread pool only", async (t) => {
  const fd = openSync(await scratchImage(t), "w+");
  t.teardown(() => closeSync(fd));
  const write = new PageCacheEngine(fd, "pool", new ThreadQueue()).write(0, [Buffer.alloc(512, 7)]);
  t.true(write instanceof Promise);
  t.is(await write, OK);
});

test("large writes leave the loop to others", async (t) => {
  const fd = openSync(await scratchImage(t), "w+");
  t.teardown(() => closeSync(fd));
  const engine = new PageCacheEngine(fd, "pool", new ThreadQueue());
  const write = engine.write(0, [Buffer.alloc(1024 * 1024, 7)]);
  t.true(write instanceof Promise);
  t.is(await write, OK);
});

test("a write in steps is whole, wherever its pieces end, in the loop and on the thread pool", async (t) => {
  for (const mode of ["nowait", "pool"] as const) {
    const path = await scratchImage(t);
    const fd = openSync(path, "w+");
    t.teardown(() => closeSync(fd));
    const pieces = [70_000, 1, 65_536, 300_000, 4096].map((length, at) => Buffer.alloc(length, at + 1));
    const inline = mode === "nowait" ? pieces.slice(0, 3) : pieces;
    const engine = new PageCacheEngine(fd, mode, new ThreadQueue());
    t.is(await engine.write(512, inline), OK);
    t.deepEqual(readFileSync(path).subarray(512), Buffer.concat(inline));
    // Over what the page cache has by now.
    const others = inline.toReversed();
    t.is(await engine.write(512, others), OK);
    t.deepEqual(readFileSync(path).subarray(512), Buffer.concat(others));
  }
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
