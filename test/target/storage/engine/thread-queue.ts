import test from "ava";
import { type IoResult, OK } from "node-iscsi-target/storage/block-device.ts";
import { ThreadQueue } from "node-iscsi-target/storage/engine/thread-queue.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("a device that hangs keeps a few threads only, and what waits begins in its order", async (t) => {
  const queue = new ThreadQueue();
  const begun: number[] = [];
  const ends: ((result: IoResult) => void)[] = [];
  const jobs = Array.from({ length: 20 }, (_, at) =>
    queue.run(() => {
      begun.push(at);
      return new Promise((resolve) => ends.push(resolve));
    }),
  );
  await turn();
  const limit = begun.length;
  t.true(limit > 0 && limit < 20);
  for (let at = 0; at < 20; at += 1) {
    t.is(begun.length, Math.min(20, at + limit));
    ends[at]?.(OK);
    await turn();
  }
  t.deepEqual(
    begun,
    Array.from({ length: 20 }, (_, at) => at),
  );
  t.true((await Promise.all(jobs)).every((result) => result === OK));
});

test("a job that throws gives its thread back, and only it fails", async (t) => {
  const queue = new ThreadQueue();
  for (let at = 0; at < 50; at += 1) {
    await t.throwsAsync(
      queue.run(() => Promise.reject(new Error("a bug"))),
      { message: "a bug" },
    );
  }
  t.is(await queue.run(() => Promise.resolve(OK)), OK);
});
