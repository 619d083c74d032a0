/**
 * Nanoseconds per operation of the storage engine in its modes, and how long a write may hold the
 * loop while a flush is under way. Run: node test/bench/storage-engine.ts [DIRECTORY [OPERATIONS]]
 */
import { mkdtempSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { type BlockDevice, type IoCompletion, OK } from "node-iscsi-target/storage/block-device.ts";
import type { FileDevice } from "node-iscsi-target/storage/file-device.ts";
import { MemoryDevice } from "node-iscsi-target/storage/memory-device.ts";
import { type DeviceOptions, openDevice } from "node-iscsi-target/storage/open-device.ts";

const MIB = 1024 * 1024;
const SIZE = 64 * MIB;
const IO_BYTES = 4096;
const DEPTH = 32;
const [parent = tmpdir(), operations = "100000"] = process.argv.slice(2);
const count = Number(operations);
const offsets = Array.from({ length: 4096 }, () => Math.floor((Math.random() * SIZE) / IO_BYTES) * IO_BYTES);
const directory = mkdtempSync(join(parent, "sanlab-bench-"));
const inMemory = mkdtempSync("/dev/shm/sanlab-bench-");

try {
  await measureDevice("memory device", new MemoryDevice({ sizeBytes: SIZE }));
  await measureFile("page cache", directory, {});
  await measureFile("file in memory", inMemory, {});
  await measureFile("written through", directory, { cache: "writethrough" });
  await measureFile("O_DIRECT", directory, { cache: "none" });
  await measureStall();
} finally {
  rmSync(directory, { recursive: true, force: true });
  rmSync(inMemory, { recursive: true, force: true });
}

async function measureFile(name: string, where: string, options: DeviceOptions): Promise<void> {
  const device = openDevice(join(where, "bench.img"), { sizeBytes: SIZE, ...options });
  await measureDevice(`${name} (${device.ioMode})`, device);
  if (name === "page cache") baseline(device);
  await device.close();
}

async function measureDevice(name: string, device: BlockDevice): Promise<void> {
  const data = [Buffer.alloc(IO_BYTES, 7)];
  const into = Buffer.allocUnsafeSlow(IO_BYTES);
  for (let at = 0; at < SIZE; at += MIB) await device.write(at, [Buffer.alloc(MIB, 1)]);
  await device.flush();
  // What waits for the medium takes a thousand times as long.
  const isQuick = device.read(0, into) === OK;
  const writes = isQuick && device.write(0, data) === OK ? count : count / 100;
  await timed(`${name}: read 4 KiB`, isQuick ? count : count / 10, (offset) => device.read(offset, into));
  await timed(`${name}: write 4 KiB`, writes, (offset) => device.write(offset, data));
  await timed(`${name}: write 4 KiB with FUA`, count / 100, (offset) => device.write(offset, data, { fua: true }));
  await device.flush();
}

/** DEPTH at once, as from a session; best of three. */
async function timed(name: string, operations: number, start: (offset: number) => IoCompletion): Promise<void> {
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 3; run += 1) {
    const began = process.hrtime.bigint();
    let next = 0;
    const one = async (): Promise<void> => {
      while (next < operations) {
        const completion = start(offsets[next++ % offsets.length] as number);
        const result = completion instanceof Promise ? await completion : completion;
        if (result !== OK) throw new Error(`${name}: ${result.kind}`);
      }
    };
    await Promise.all(Array.from({ length: DEPTH }, one));
    best = Math.min(best, Number(process.hrtime.bigint() - began) / operations);
  }
  print(name, best);
}

/** The same reads by Node alone, for comparison. */
function baseline({ fd }: FileDevice): void {
  const into = Buffer.allocUnsafeSlow(IO_BYTES);
  const began = process.hrtime.bigint();
  for (let at = 0; at < count; at += 1) readSync(fd, into, 0, IO_BYTES, offsets[at % offsets.length] as number);
  print("fs.readSync for comparison: read 4 KiB", Number(process.hrtime.bigint() - began) / count);
}

/** Large writes and flushes to one device; how late timers of the same loop are tells what others would feel. */
async function measureStall(): Promise<void> {
  const device = openDevice(join(directory, "stall.img"), { sizeBytes: 8 * SIZE });
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const data = [Buffer.alloc(64 * 1024, 3)];
  let longestWriteMs = 0;
  delay.enable();
  for (let at = 0; at < 8 * SIZE; at += 64 * 1024) {
    const began = performance.now();
    const completion = device.write(at, data);
    longestWriteMs = Math.max(longestWriteMs, performance.now() - began);
    await completion;
    if (at % (4 * MIB) === 0) void device.flush();
    if (at % MIB === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  delay.disable();
  await device.close();
  const [p99, max] = [delay.percentile(99) / 1e6, delay.max / 1e6];
  console.log(
    `512 MiB in writes of 64 KiB, a flush for every 4 MiB: the loop waited ${longestWriteMs.toFixed(1)} ms at most for a write; timers 99 % ${p99.toFixed(1)} ms, at most ${max.toFixed(1)} ms`,
  );
}

function print(name: string, ns: number): void {
  console.log(
    `${name.padEnd(44)} ${Math.round(ns).toLocaleString("en").padStart(10)} ns   ${Math.round(1e9 / ns).toLocaleString("en")} a second`,
  );
}
