import test from "ava";
import { OK } from "node-iscsi-target/storage/block-device.ts";
import { type Sync, SyncGroup } from "node-iscsi-target/storage/engine/sync-group.ts";

/** A medium whose syncs end when the test says. */
class Medium {
  readonly begun: ((error: NodeJS.ErrnoException | null) => void)[] = [];
  readonly sync: Sync = (_fd, done) => this.begun.push(done);
  end(index: number, error: NodeJS.ErrnoException | null = null): void {
    this.begun[index]?.(error);
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("flushes that come while one is under way share the next, and never one that has begun", async (t) => {
  const medium = new Medium();
  const group = new SyncGroup(3, medium.sync);
  const first = group.sync();
  const [second, third] = [group.sync(), group.sync()];
  t.is(medium.begun.length, 1);
  medium.end(0);
  t.is(await first, OK);
  await turn();
  t.is(medium.begun.length, 2);
  const fourth = group.sync();
  let isFourthDone = false;
  void Promise.resolve(fourth).then(() => {
    isFourthDone = true;
  });
  medium.end(1);
  t.deepEqual(await Promise.all([second, third]), [OK, OK]);
  await turn();
  t.false(isFourthDone, "what came after the second had begun waits for the third");
  t.is(medium.begun.length, 3);
  medium.end(2);
  t.is(await fourth, OK);
});

test("a flush when none is under way begins one of its own", async (t) => {
  const medium = new Medium();
  const group = new SyncGroup(3, medium.sync);
  for (let at = 0; at < 3; at += 1) {
    const flush = group.sync();
    t.is(medium.begun.length, at + 1);
    medium.end(at);
    t.is(await flush, OK);
    await turn();
  }
});

test("after one has failed no flush succeeds any more, though the kernel would say so", async (t) => {
  const medium = new Medium();
  const group = new SyncGroup(3, medium.sync);
  const [first, second] = [group.sync(), group.sync()];
  medium.end(0, Object.assign(new Error("EIO"), { code: "EIO" }));
  t.deepEqual(await first, { kind: "medium-error", offset: 0 });
  await turn();
  medium.end(1);
  t.deepEqual(await second, { kind: "medium-error", offset: 0 });
  await turn();
  t.deepEqual(await group.sync(), { kind: "medium-error", offset: 0 });
});

test("an opening for which nobody has vouched is synced without success, and with success from then on", async (t) => {
  const medium = new Medium();
  const history = { hasFailed: false, isUnvouched: true };
  const group = new SyncGroup(3, medium.sync, history);
  const first = group.sync();
  medium.end(0);
  t.deepEqual(await first, { kind: "not-ready" });
  await turn();
  history.isUnvouched = false;
  const second = group.sync();
  medium.end(1);
  t.is(await second, OK);
});

test("what an opening for which nobody has vouched is told of a sync counts", async (t) => {
  const medium = new Medium();
  const told: string[] = [];
  const history = { hasFailed: false, isUnvouched: true, onFailure: () => told.push("failed") };
  const group = new SyncGroup(3, medium.sync, history);
  const first = group.sync();
  medium.end(0, Object.assign(new Error("EIO"), { code: "EIO" }));
  t.deepEqual(await first, { kind: "medium-error", offset: 0 });
  t.deepEqual(told, ["failed"]);
});
