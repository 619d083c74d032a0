import test from "ava";
import { type IoResult, OK } from "node-iscsi-target/storage/block-device.ts";
import { MissedReads } from "node-iscsi-target/storage/engine/missed-reads.ts";
import { NOT_PERMITTED } from "node-iscsi-target/storage/engine/permit.ts";
import { DEVICE_THREADS, ThreadQueue } from "node-iscsi-target/storage/engine/thread-queue.ts";

const PAGE = 4096;

/** A page cache into which pages come when the test says so, and threads that wait for them. */
function cache(permit?: () => boolean) {
  const pages = new Set<number>();
  const waiters = new Map<number, (result: IoResult) => void>();
  const fill = (offset: number, into: Uint8Array) => into.fill((offset / PAGE) & 0xff);
  const now = (offset: number, into: Uint8Array) => {
    if (!pages.has(offset)) return 0;
    fill(offset, into);
    return into.length;
  };
  const waiting = async (offset: number, into: Uint8Array): Promise<IoResult> => {
    const result = pages.has(offset) ? OK : await new Promise<IoResult>((resolve) => waiters.set(offset, resolve));
    if (result === OK) fill(offset, into);
    return result;
  };
  const reads = new MissedReads({ now, waiting }, new ThreadQueue(permit));
  const read = async (page: number): Promise<{ result: IoResult; byte: number | undefined }> => {
    const into = new Uint8Array(PAGE);
    const result = await reads.read(page * PAGE, into, 0);
    return { result, byte: into[PAGE - 1] };
  };
  return {
    read,
    /** The pages come in; whoever waits for one of them is told. */
    bring: (...numbers: number[]) => {
      for (const number of numbers) pages.add(number * PAGE);
      for (const number of numbers) waiters.get(number * PAGE)?.(OK);
    },
    fail: (page: number) => waiters.get(page * PAGE)?.({ kind: "medium-error", offset: page * PAGE }),
    waitedFor: () => [...waiters.keys()].map((offset) => offset / PAGE),
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("one thread waits, and when it is done the others are answered from what has come in meanwhile", async (t) => {
  const { read, bring, waitedFor } = cache();
  const reads = [1, 2, 3, 4].map(read);
  await turn();
  t.deepEqual(waitedFor(), [1]);
  bring(4, 3, 2, 1);
  t.deepEqual(
    (await Promise.all(reads)).map(({ result, byte }) => [result, byte]),
    [1, 2, 3, 4].map((byte) => [OK, byte]),
  );
  t.deepEqual(waitedFor(), [1]);
});

test("where nothing comes in by itself, as many threads wait as the device may have", async (t) => {
  const { read, bring, waitedFor } = cache();
  const pages = Array.from({ length: 60 }, (_, page) => page);
  const reads = pages.map(read);
  let most = 0;
  for (let answered = 0; answered < pages.length; ) {
    while (waitedFor().length <= answered) await turn();
    most = Math.max(most, waitedFor().length - answered);
    bring(waitedFor()[answered] as number);
    answered += 1;
    await turn();
  }
  t.is(most, DEVICE_THREADS);
  t.deepEqual(
    (await Promise.all(reads)).map(({ byte }) => byte),
    pages,
  );
});

test("a page that does not come keeps no other read, and its own ends as it ends", async (t) => {
  const { read, bring, fail } = cache();
  const bad = read(1);
  const good = read(2);
  bring(2);
  t.is((await good).result, OK);
  fail(1);
  t.deepEqual((await bad).result, { kind: "medium-error", offset: PAGE });
});

test("more pages that do not come than there are threads keep no read behind them", async (t) => {
  const { read, bring } = cache();
  const stuck = Array.from({ length: DEVICE_THREADS + 12 }, (_, page) => read(page));
  const good = read(100);
  bring(100);
  t.deepEqual(await good, { result: OK, byte: 100 });
  const ended = Promise.all(stuck);
  for (let over = false; !over; ) {
    bring(...stuck.keys());
    over = await Promise.race([ended.then(() => true), turn().then(() => false)]);
  }
  t.is((await ended).length, DEVICE_THREADS + 12);
});

test("a read that has no leave any more when its turn comes reads nothing", async (t) => {
  let isPermitted = true;
  const { read, bring } = cache(() => isPermitted);
  const first = read(1);
  const second = read(2);
  await turn();
  isPermitted = false;
  bring(1, 2);
  await first;
  t.deepEqual(await second, { result: NOT_PERMITTED, byte: 0 });
});

test("a bug of one read is its own, and the others go on", async (t) => {
  const waiting = async (offset: number) => {
    if (offset === 0) throw new Error("a bug");
    return OK;
  };
  const reads = new MissedReads({ now: () => 0, waiting }, new ThreadQueue());
  const [first, second] = [0, PAGE].map((offset) => reads.read(offset, new Uint8Array(PAGE), 0));
  await t.throwsAsync(first as Promise<IoResult>, { message: "a bug" });
  t.is(await second, OK);
});
