/**
 * What every BlockDevice promises (`storage/block-device.ts`), a check for each clause, for any
 * test framework: those who write a device of their own run it too.
 *
 *     for (const { title, check } of blockDeviceClauses()) {
 *       test(title, async () => check(await makeDevice()));
 *     }
 */
import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { type BlockDevice, type IoResult, OK } from "../storage/block-device.ts";
import { generator, isZero, ok, pattern, readBack, snapshot, zeroes } from "./device-checks.ts";

/** The least size of a device that the clauses take. */
export const CONFORMANCE_BYTES = 8 * 1024 * 1024;

export interface ConformanceOptions {
  /** False for a thin device that cannot tell what it gave back, and calls everything mapped. */
  readonly tellsDeallocated?: boolean;
}

export interface BlockDeviceClause {
  /** What the device promises, as a sentence without its subject. */
  readonly title: string;
  /**
   * Takes a fresh device: writable, of at least CONFORMANCE_BYTES, reading as zeros, used by
   * nobody else. It may be closed afterwards or not; its caller closes it in any case.
   * @throws AssertionError (node:assert) where the promise is broken
   */
  readonly check: (device: BlockDevice) => Promise<void>;
}

export function blockDeviceClauses({ tellsDeallocated = true }: ConformanceOptions = {}): BlockDeviceClause[] {
  return Object.entries(CLAUSES)
    .filter(([title]) => tellsDeallocated || title !== DEALLOCATED)
    .map(([title, check]) => ({ title, check }));
}

const DEALLOCATED = "tells of whole allocation units that were given back that they are deallocated";

const CLAUSES: Readonly<Record<string, BlockDeviceClause["check"]>> = {
  "is a whole number of blocks long, of 512 or 4096 bytes, and large enough for this suite": async (device) => {
    assert.ok(device.blockBytes === 512 || device.blockBytes === 4096);
    assert.equal(device.sizeBytes % device.blockBytes, 0);
    assert.equal(device.allocationBytes % device.blockBytes, 0);
    assert.ok(device.allocationBytes > 0);
    assert.ok(device.sizeBytes >= CONFORMANCE_BYTES);
    assert.equal(device.readOnly, false);
    assert.equal(device.onChange, undefined);
  },

  "reads as zeros where nothing was written, and fills the whole buffer": async (device) => {
    for (const bytes of [device.blockBytes, 64 * 1024, 1024 * 1024]) {
      for (const offset of [0, device.blockBytes * 3, device.sizeBytes - bytes]) {
        const into = Buffer.alloc(bytes, 0xaa);
        assert.equal(await device.read(offset, into), OK);
        assert.ok(isZero(into), `${bytes} bytes at ${offset}`);
      }
    }
  },

  "completes with the one OK": async (device) => {
    const data = pattern(device.blockBytes, 1);
    assert.equal(await device.write(0, [data]), OK);
    assert.equal(await device.read(0, Buffer.alloc(device.blockBytes)), OK);
    assert.equal(await device.flush(), OK);
    assert.equal(await device.writeZeroes(0, device.blockBytes), OK);
    if (device.thin) assert.equal(await device.unmap(0, device.blockBytes), OK);
  },

  "reads what was written, at both ends and in the middle, and changes nothing beside it": async (device) => {
    const { blockBytes, sizeBytes } = device;
    for (const [index, bytes] of [1, 3, 8, 129, 600].map((blocks) => blocks * blockBytes).entries()) {
      for (const offset of [0, 1024 * 1024 + blockBytes, sizeBytes - bytes]) {
        const around = await snapshot(device, offset, bytes);
        const data = pattern(bytes, index + offset);
        await ok(device.write(offset, [data]));
        data.copy(around.bytes, offset - around.offset);
        assert.ok((await readBack(device, around.offset, around.bytes.length)).equals(around.bytes));
      }
    }
  },

  "writes pieces of any lengths one after another": async (device) => {
    const lengths = [1, 511, 4095, 1, 8192, 3, 1000, 60_000];
    const bytes = lengths.reduce((sum, length) => sum + length, 0);
    lengths.push(Math.ceil(bytes / device.blockBytes) * device.blockBytes - bytes);
    const data = pattern(Math.ceil(bytes / device.blockBytes) * device.blockBytes, 3);
    let at = 0;
    const pieces = lengths.map((length) => {
      at += length;
      return data.subarray(at - length, at);
    });
    await ok(device.write(device.blockBytes, pieces));
    assert.ok((await readBack(device, device.blockBytes, data.length)).equals(data));
  },

  "takes a write in very many pieces": async (device) => {
    const data = pattern(1500 * device.blockBytes, 5);
    const pieces = Array.from({ length: 1500 }, (_, at) =>
      data.subarray(at * device.blockBytes, (at + 1) * device.blockBytes),
    );
    await ok(device.write(0, pieces));
    assert.ok((await readBack(device, 0, data.length)).equals(data));
  },

  "moves 6 MiB in one request": async (device) => {
    const data = pattern(6 * 1024 * 1024, 6);
    await ok(device.write(device.blockBytes, [data]));
    assert.ok((await readBack(device, device.blockBytes, data.length)).equals(data));
  },

  "lets a read that begins after a write was acknowledged see it, whatever their sizes": async (device) => {
    const sizes = [device.blockBytes, 32 * 1024, 512 * 1024, 2 * 1024 * 1024];
    for (const [round, written] of sizes.entries()) {
      for (const read of sizes) {
        const data = pattern(written, round * 100 + read);
        await ok(device.write(0, [data]));
        const into = await readBack(device, 0, read);
        const both = Math.min(read, written);
        assert.ok(into.subarray(0, both).equals(data.subarray(0, both)));
      }
    }
  },

  "does many requests at once, each as if it were alone": async (device) => {
    const bytes = 16 * device.blockBytes;
    const count = Math.min(200, Math.floor(CONFORMANCE_BYTES / bytes));
    const offsets = Array.from({ length: count }, (_, at) => at * bytes);
    const results = await Promise.all(offsets.map(async (offset) => device.write(offset, [pattern(bytes, offset)])));
    assert.ok(results.every((result) => result === OK));
    const reads = offsets.map(async (offset) => (await readBack(device, offset, bytes)).equals(pattern(bytes, offset)));
    assert.ok((await Promise.all(reads)).every(Boolean));
  },

  "leaves a buffer alone once the request has completed": async (device) => {
    for (const bytes of [device.blockBytes, 1024 * 1024]) {
      const data = pattern(bytes, 9);
      const kept = Buffer.from(data);
      await ok(device.write(0, [data]));
      assert.ok(data.equals(kept), "written data is not changed");
      data.fill(0xee);
      const into = Buffer.alloc(bytes);
      await ok(device.read(0, into));
      assert.ok(into.equals(kept));
      await ok(device.write(0, [pattern(bytes, 10)]));
      await ok(device.flush());
      assert.ok(into.equals(kept));
    }
  },

  "takes buffers that are part of larger ones": async (device) => {
    const whole = Buffer.alloc(device.blockBytes * 2 + 7, 0x77);
    pattern(device.blockBytes, 11).copy(whole, 7);
    await ok(device.write(0, [whole.subarray(7, 7 + device.blockBytes)]));
    const into = new Uint8Array(device.blockBytes * 2 + 13).fill(0x66);
    await ok(device.read(0, into.subarray(13, 13 + device.blockBytes)));
    assert.ok(Buffer.from(into.subarray(13, 13 + device.blockBytes)).equals(pattern(device.blockBytes, 11)));
    assert.ok(into.subarray(0, 13).every((byte) => byte === 0x66));
    assert.ok(into.subarray(13 + device.blockBytes).every((byte) => byte === 0x66));
  },

  "writes with FUA, and flushes many times at once among writes": async (device) => {
    const data = pattern(device.blockBytes, 12);
    await ok(device.write(0, [data], { fua: true }));
    const flushes: Promise<IoResult>[] = [];
    for (let at = 1; at <= 16; at += 1) {
      await ok(device.write(at * device.blockBytes, [data]));
      flushes.push(Promise.resolve(device.flush()));
    }
    assert.ok((await Promise.all(flushes)).every((result) => result === OK));
    assert.ok((await readBack(device, 0, device.blockBytes)).equals(data));
  },

  "writes zeroes over exactly the range": async (device) => {
    await zeroes(device, (offset, length) => device.writeZeroes(offset, length));
    await zeroes(device, (offset, length) => device.writeZeroes(offset, length, { fua: true }));
  },

  "unmaps exactly the range where it is thin, and what was unmapped can be written again": async (device) => {
    if (!device.thin) return;
    await zeroes(device, (offset, length) => device.unmap(offset, length));
    const data = pattern(4 * device.blockBytes, 13);
    await ok(device.unmap(0, CONFORMANCE_BYTES));
    assert.ok(isZero(await readBack(device, 0, CONFORMANCE_BYTES)));
    await ok(device.write(device.blockBytes, [data]));
    assert.ok((await readBack(device, device.blockBytes, data.length)).equals(data));
    assert.ok(isZero(await readBack(device, 0, device.blockBytes)));
  },

  "tells the provisioning of a range without gaps, in whole blocks, and of written blocks that they are mapped": async (
    device,
  ) => {
    const offset = 2 * 1024 * 1024 + device.blockBytes;
    const length = 5 * device.blockBytes;
    await ok(device.write(offset, [pattern(length, 14)]));
    const extents = await device.provisioning(device.blockBytes, CONFORMANCE_BYTES - device.blockBytes);
    assert.ok(extents.length > 0);
    let at = device.blockBytes;
    for (const extent of extents) {
      assert.equal(extent.offset, at);
      assert.equal(extent.offset % device.blockBytes, 0);
      assert.equal(extent.length % device.blockBytes, 0);
      assert.ok(extent.length > 0);
      const isWritten = extent.offset < offset + length && offset < extent.offset + extent.length;
      if (isWritten || !device.thin) assert.equal(extent.status, "mapped");
      at += extent.length;
    }
    assert.equal(at, CONFORMANCE_BYTES);
  },

  [DEALLOCATED]: async (device) => {
    if (!device.thin) return;
    const unit = device.allocationBytes;
    assert.ok(2 * unit <= CONFORMANCE_BYTES, "the suite's device holds two of its allocation units");
    await ok(device.write(0, [pattern(2 * unit, 15)]));
    await ok(device.flush());
    await ok(device.unmap(0, unit));
    const [first] = await device.provisioning(0, 2 * unit);
    assert.equal(first?.status, "deallocated");
    assert.equal(first?.length, unit);
  },

  "anchors exactly the range where it can: it reads as zeros, is not told as deallocated, and can be written again":
    async (device) => {
      if (!(device.thin && device.anchor)) return;
      const anchor = (offset: number, length: number) => device.anchor?.(offset, length) ?? OK;
      await zeroes(device, anchor);
      const unit = device.allocationBytes;
      await ok(device.unmap(0, 2 * unit));
      await ok(anchor(0, unit));
      const [first, second] = await device.provisioning(0, 2 * unit);
      assert.equal(first?.status, "anchored");
      assert.equal(first?.length, unit);
      assert.notEqual(second?.status, "anchored");
      await ok(device.write(0, [pattern(unit, 16)]));
      assert.equal((await device.provisioning(0, unit))[0]?.status, "mapped");
      assert.ok((await readBack(device, 0, unit)).equals(pattern(unit, 16)));
    },

  "holds what a model of it holds after many requests of all kinds": async (device) => {
    const model = Buffer.alloc(CONFORMANCE_BYTES);
    const random = generator(20_261_123);
    const blocks = CONFORMANCE_BYTES / device.blockBytes;
    for (let round = 0; round < 300; round += 1) {
      const first = random(blocks);
      const count = 1 + random(Math.min(random(8) === 0 ? 1000 : 20, blocks - first));
      const [offset, length] = [first * device.blockBytes, count * device.blockBytes];
      const act = random(10);
      if (act < 5) {
        const data = pattern(length, round);
        data.copy(model, offset);
        await ok(device.write(offset, [data.subarray(0, 100), data.subarray(100)], { fua: act === 0 && round < 50 }));
      } else if (act < 8) {
        assert.ok((await readBack(device, offset, length)).equals(model.subarray(offset, offset + length)));
      } else {
        model.fill(0, offset, offset + length);
        await ok(act === 8 || !device.thin ? device.writeZeroes(offset, length) : device.unmap(offset, length));
      }
    }
    assert.ok((await readBack(device, 0, CONFORMANCE_BYTES)).equals(model));
  },

  "waits at its close for what is outstanding, and can be closed again": async (device) => {
    const outstanding = [
      device.write(0, [pattern(4 * 1024 * 1024, 16)]),
      device.read(0, Buffer.alloc(1024 * 1024)),
      device.flush(),
    ];
    let settled = 0;
    const results = Promise.all(
      outstanding.map(async (completion) => {
        const result = await completion;
        settled += 1;
        return result;
      }),
    );
    await device.close();
    // What has ended on the device is told to its callers in microtasks, a few of which may come after ours.
    await setImmediate();
    assert.equal(settled, outstanding.length);
    assert.ok((await results).every((result) => result === OK));
    await device.close();
  },
};
