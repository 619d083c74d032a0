import test from "ava";
import fc from "fast-check";
import { Read10, SynchronizeCache10, TestUnitReady, Write10 } from "node-iscsi-target/scsi/cdb.ts";
import { FixedSense } from "node-iscsi-target/scsi/sense.ts";
import { Status } from "node-iscsi-target/scsi/transport.ts";
import { agentRule, injections, ManualClock } from "../../helpers/injections.ts";
import { anotherHost, cdbOf, rig, senseName } from "../../helpers/scsi-host.ts";

const read = (lba: number, blocks = 1) => cdbOf(Read10, { lba, blocks });
const write = (lba: number, blocks = 1) => cdbOf(Write10, { lba, blocks });
const data = (blocks = 1) => Buffer.alloc(blocks * 512, 0xab);

test("sense is reported for reads of the range alone, with the first bad block, and nothing is read", async (t) => {
  const { server, host, device } = await rig();
  const faults = injections(["on op=read lba=8..15 do sense medium-error/unrecovered-read-error"]);
  server.injector = faults;
  const bad = await host.send(read(4, 8));
  t.is(senseName(bad), "UNRECOVERED_READ_ERROR");
  t.is(FixedSense.decode(bad.sense ?? Buffer.alloc(18)).information, 8);
  t.is(device.ios.length, 0);
  t.is(senseName(await host.send(read(0, 8))), "GOOD");
  t.is(senseName(await host.send(read(16))), "GOOD");
  t.is(senseName(await host.send(write(8), data())), "GOOD");
  t.deepEqual(faults.counters(), [{ name: "fault-1", matched: 1, fired: 1 }]);
});

test("of several ranges of blocks, each is the fault's, and nothing between them", async (t) => {
  const { server, host } = await rig();
  server.injector = injections(["on lba=20..23,8 do sense medium-error/unrecovered-read-error"]);
  const firstBad = async (lba: number, blocks: number) => {
    const { sense } = await host.send(read(lba, blocks));
    return sense === undefined ? undefined : FixedSense.decode(sense).information;
  };
  const asked = [firstBad(0, 8), firstBad(0, 9), firstBad(9, 11), firstBad(9, 12), firstBad(22, 8)];
  t.deepEqual(await Promise.all(asked), [undefined, 8, undefined, 20, 22]);
});

test("bad blocks cannot be read until they are written anew, each by itself", async (t) => {
  const { server, host } = await rig();
  const faults = injections(["on disk=data lba=8..15 do bad-blocks"]);
  server.injector = faults;
  const bad = await host.send(read(0, 16));
  t.is(senseName(bad), "UNRECOVERED_READ_ERROR");
  t.is(FixedSense.decode(bad.sense ?? Buffer.alloc(18)).information, 8);
  t.is(senseName(await host.send(write(10, 2), data(2))), "GOOD");
  t.is(senseName(await host.send(read(10, 2))), "GOOD");
  const left = await host.send(read(10, 4));
  t.is(FixedSense.decode(left.sense ?? Buffer.alloc(18)).information, 12);
  t.is(senseName(await host.send(write(0, 32), data(32))), "GOOD");
  t.is(senseName(await host.send(read(0, 32))), "GOOD");
  t.deepEqual(faults.counters(), [{ name: "fault-1", matched: 4, fired: 4 }]);
});

test("bad blocks that were repaired through another agent are repaired here, and the counters stay", async (t) => {
  const { server, host } = await rig();
  const faults = injections(["on disk=data lba=8..15 do bad-blocks"]);
  server.injector = faults;
  t.is(senseName(await host.send(read(8))), "UNRECOVERED_READ_ERROR");
  faults.set([{ ...agentRule("on disk=data lba=8..15 do bad-blocks"), repaired: [{ first: 8, last: 11 }] }]);
  t.is(senseName(await host.send(read(8, 4))), "GOOD");
  t.is(senseName(await host.send(read(8, 8))), "UNRECOVERED_READ_ERROR");
  t.is(faults.counters()[0]?.fired, 2);
});

test("statuses of a busy or reserved unit are injected as they are", async (t) => {
  const { server, host } = await rig();
  const statuses = {
    busy: Status.BUSY,
    "task-set-full": Status.TASK_SET_FULL,
    "reservation-conflict": Status.RESERVATION_CONFLICT,
  };
  for (const [name, status] of Object.entries(statuses)) {
    server.injector = injections([`on command=test-unit-ready do ${name}`]);
    t.is((await host.send(cdbOf(TestUnitReady))).status, status);
    t.is(senseName(await host.send(read(0))), "GOOD");
  }
});

test("'first', 'every', 'from' and 'until' choose among the matches", async (t) => {
  const fired = async (when: string): Promise<string> => {
    const { server, host } = await rig();
    server.injector = injections([`on op=read when ${when} do busy`]);
    const statuses = [];
    for (let at = 0; at < 10; at += 1) statuses.push((await host.send(read(at))).status === 0x08 ? "x" : ".");
    return statuses.join("");
  };
  t.is(await fired("always"), "xxxxxxxxxx");
  t.is(await fired("first 3"), "xxx.......");
  t.is(await fired("every 3"), "..x..x..x.");
  t.is(await fired("every 3 first 2"), "..x..x....");
  t.is(await fired("from 4 until 6"), "...xxx....");
  t.is(await fired("from 4 every 2"), "....x.x.x.");
});

test("'from' and 'until' with times count from when the fault was added", async (t) => {
  const clock = new ManualClock();
  const { server, host } = await rig();
  server.injector = injections(["when from 10s until 20s do busy"], { clock });
  const statuses = [];
  for (let second = 0; second < 25; second += 5, clock.pass(5000)) statuses.push((await host.send(read(0))).status);
  t.deepEqual(statuses, [0, 0, 8, 8, 8]);
  t.is((await host.send(read(0))).status, 0);
});

test("the same seed gives the same faults for the same commands, and another seed others", async (t) => {
  const { server, host } = await rig();
  const pattern = async (seed: number, stream: string): Promise<string> => {
    server.injector = injections([`when probability 0.3 seed ${seed} do busy`], { stream });
    let statuses = "";
    for (let at = 0; at < 64; at += 1) statuses += (await host.send(read(at))).status;
    return statuses;
  };
  await fc.assert(
    fc.asyncProperty(fc.nat(1e12), async (seed) => {
      const once = await pattern(seed, "a");
      return (
        once === (await pattern(seed, "a")) &&
        once !== (await pattern(seed + 1, "a")) &&
        once !== (await pattern(seed, "b"))
      );
    }),
    { numRuns: 20 },
  );
  const fired = (await pattern(1, "a")).replaceAll("0", "").length;
  t.true(fired > 8 && fired < 32, `${fired} of 64 at 0.3`);
});

test("a delayed write reaches the device when its time has come, and others go on meanwhile", async (t) => {
  const clock = new ManualClock();
  const { server, host, device } = await rig();
  server.injector = injections(["on op=write do delay 50ms"], { clock });
  const { answer } = host.start(write(0), data());
  t.is(senseName(await host.send(read(5))), "GOOD");
  clock.pass(49);
  t.deepEqual(
    device.ios.map(({ kind }) => kind),
    ["read"],
  );
  clock.pass(1);
  t.is(senseName(await answer), "GOOD");
  t.deepEqual(
    device.ios.map(({ kind }) => kind),
    ["read", "write"],
  );
});

test("a drawn delay lies in its range and is the same for the same seed", async (t) => {
  const draws = async (): Promise<number[]> => {
    const clock = new ManualClock();
    const { server, host } = await rig();
    server.injector = injections(["when always do delay 10ms..20ms"], { clock });
    const waits = [];
    for (let at = 0; at < 20; at += 1) {
      const { answer } = host.start(read(at));
      const beforeMs = clock.nowMs;
      waits.push((clock.nextMs ?? 0) - beforeMs);
      clock.pass(20);
      await answer;
    }
    return waits;
  };
  const once = await draws();
  t.true(
    once.every((ms) => ms >= 10 && ms < 20.001),
    String(once),
  );
  t.true(new Set(once.map(Math.round)).size > 3);
  t.deepEqual((await draws()).map(Math.round), once.map(Math.round));
});

test("a stuck command ends by task management without touching the device, or goes on when its fault is cleared", async (t) => {
  const { server, host, device } = await rig();
  const faults = injections(["on op=write do stuck"]);
  server.injector = faults;
  const aborted = host.start(write(0), data());
  const released = host.start(write(1), data());
  await server.abortTask(aborted.task);
  t.is((await aborted.answer).kind, "aborted");
  t.is(device.ios.length, 0);
  faults.set([]);
  t.is(senseName(await released.answer), "GOOD");
  t.is(device.ios.length, 1);
});

test("a delayed command ends with its nexus, and leaves no timer", async (t) => {
  const clock = new ManualClock();
  const { server, device } = await rig();
  const host = await anotherHost(server);
  server.injector = injections(["do delay 1h"], { clock });
  const { answer } = host.start(write(0), data());
  t.is(clock.waiting, 1);
  await server.nexusEnds(host.nexus);
  t.is((await answer).kind, "aborted");
  t.is(clock.waiting, 0);
  t.is(device.ios.length, 0);
});

test("a lost write is answered GOOD and is not on the disk; a lost response is on the disk and not answered", async (t) => {
  const { server, host, device } = await rig();
  server.injector = injections(["on op=write lba=0 do lose-write", "on op=write lba=1 do lose-response"]);
  t.is(senseName(await host.send(write(0), data())), "GOOD");
  t.is(device.bytes[0], 0);
  t.is((await host.start(write(1), data()).answer).kind, "aborted");
  t.is(device.bytes[512], 0xab);
});

test("short data comes with the residual of what is missing", async (t) => {
  const { server, host } = await rig();
  server.injector = injections(["on op=read do short-data 512B"]);
  const result = await host.send(read(0, 4));
  t.is(result.dataIn?.length, 512);
  t.is(result.dataInBytes, 512);
});

test("a throughput cap lets through so many bytes in a second, whatever the size of commands", async (t) => {
  const clock = new ManualClock();
  const { server, host } = await rig();
  server.injector = injections(["do throughput 64KiB/s"], { clock });
  for (let at = 0; at < 32; at += 1) {
    const { answer } = host.start(read(0, 8));
    clock.pass((clock.nextMs ?? clock.nowMs) - clock.nowMs);
    await answer;
  }
  // 32 times 4 KiB at 64 KiB/s.
  t.true(Math.abs(clock.nowMs - 2000) < 70, String(clock.nowMs));
});

test("delays of several faults add up before the one that ends the command", async (t) => {
  const clock = new ManualClock();
  const { server, host } = await rig();
  server.injector = injections(["do delay 10ms", "do delay 5ms", "on op=flush do busy", "do sense 4/44/00"], { clock });
  const { answer } = host.start(cdbOf(SynchronizeCache10));
  clock.pass(10);
  await Promise.resolve();
  await Promise.resolve();
  clock.pass(5);
  t.is(senseName(await answer), `status ${Status.BUSY}`);
  t.is(clock.nowMs, 15);
});

test("clearing one fault keeps the counters of the others", async (t) => {
  const { server, host } = await rig();
  const faults = injections(["when every 2 do busy", "on op=write do busy"]);
  server.injector = faults;
  await host.send(read(0));
  faults.set([agentRule("when every 2 do busy", "fault-1")]);
  t.is((await host.send(read(0))).status, 0x08);
  t.deepEqual(faults.counters(), [{ name: "fault-1", matched: 2, fired: 1 }]);
});
