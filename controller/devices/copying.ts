/** The contents of segments copied from place to place, on one device or from one to another. */
import { AlignedBuffers } from "node-iscsi-target/storage/engine/aligned-buffers.ts";
import type { Medium } from "./medium.ts";

const STEP_BYTES = 1024 * 1024;
const FIRST_LOOK_BYTES = 4096;

export interface Place {
  readonly medium: Medium;
  /** Bytes from the start of the device. */
  readonly offset: number;
}

/** What went wrong, and on which side. */
export class CopyError extends Error {
  readonly side: "source" | "target";

  constructor(side: "source" | "target", cause: unknown) {
    super(`${side} of a copy: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.side = side;
  }
}

const buffers = new AlignedBuffers();

/** Durable only after the target's `sync`. Zeros are punched rather than written. @throws CopyError */
export async function copyRange(from: Place, to: Place, length: number): Promise<void> {
  const buffer = buffers.take(Math.min(STEP_BYTES, length));
  try {
    for (let done = 0; done < length; done += buffer.length) {
      const part = buffer.subarray(0, length - done);
      await side("source", from.medium.read(from.offset + done, part));
      const written = isZero(part)
        ? to.medium.zero(to.offset + done, part.length)
        : to.medium.write(to.offset + done, part);
      await side("target", written);
    }
  } finally {
    buffers.give(buffer);
  }
}

/** Whether a range holds nothing but zeros. Who wrote to it mostly wrote to its beginning: that is looked at first. */
export async function readsAsZeros({ medium, offset }: Place, length: number): Promise<boolean> {
  const buffer = buffers.take(Math.min(STEP_BYTES, length));
  try {
    for (let done = 0, step = FIRST_LOOK_BYTES; done < length; step = buffer.length) {
      const part = buffer.subarray(0, Math.min(step, length - done));
      await medium.read(offset + done, part);
      if (!isZero(part)) return false;
      done += part.length;
    }
    return true;
  } finally {
    buffers.give(buffer);
  }
}

async function side(which: "source" | "target", work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    throw new CopyError(which, error);
  }
}

const ZEROS = Buffer.alloc(64 * 1024);

export function isZero(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += ZEROS.length) {
    const part = bytes.subarray(at, at + ZEROS.length);
    if (Buffer.compare(part, ZEROS.subarray(0, part.length)) !== 0) return false;
  }
  return true;
}
