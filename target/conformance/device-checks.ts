/** What the clauses of the suite share: patterns, reading back, comparing. */
import assert from "node:assert/strict";
import { type BlockDevice, type IoCompletion, OK } from "../storage/block-device.ts";

/** Data, then a range of it emptied in several ways: aligned to nothing but blocks, a single block, more than a MiB. */
export async function zeroes(
  device: BlockDevice,
  empty: (offset: number, length: number) => IoCompletion,
): Promise<void> {
  const { blockBytes } = device;
  const ranges = [
    [blockBytes, blockBytes],
    [3 * blockBytes, 21 * blockBytes],
    [1024 * 1024 - blockBytes, 2 * 1024 * 1024 + 2 * blockBytes],
  ] as const;
  for (const [offset, length] of ranges) {
    const bytes = offset + length + 8 * blockBytes;
    const data = pattern(bytes, 20);
    await ok(device.write(0, [data]));
    await ok(empty(offset, length));
    data.fill(0, offset, offset + length);
    assert.ok((await readBack(device, 0, bytes)).equals(data), `${length} bytes at ${offset}`);
  }
}

/** The range and a few blocks on each side, as they are. */
export async function snapshot(device: BlockDevice, offset: number, length: number) {
  const from = Math.max(0, offset - 4 * device.blockBytes);
  const to = Math.min(device.sizeBytes, offset + length + 4 * device.blockBytes);
  return { offset: from, bytes: await readBack(device, from, to - from) };
}

export async function readBack(device: BlockDevice, offset: number, length: number): Promise<Buffer> {
  const into = Buffer.alloc(length, 0xaa);
  await ok(device.read(offset, into));
  return into;
}

export async function ok(completion: IoCompletion): Promise<void> {
  const result = await completion;
  // Counted only when it fails: a test makes thousands of requests.
  if (result !== OK) assert.equal(result, OK);
}

/** Bytes that differ by place and seed, and are never zero for a whole block. */
export function pattern(bytes: number, seed: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytes);
  const random = generator(seed);
  for (let at = 0; at + 4 <= bytes; at += 4) buffer.writeUInt32LE(random(0xffff_ffff), at);
  buffer.fill(0x5a, bytes - (bytes % 4));
  return buffer;
}

export function isZero(buffer: Buffer): boolean {
  return buffer.every((byte) => byte === 0);
}

/** Numbers below the limit, the same for the same seed (mulberry32). */
export function generator(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}
