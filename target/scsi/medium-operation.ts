/**
 * Work on the whole medium, FORMAT UNIT or SANITIZE, that goes on whether or not its command does
 * (SBC-4 4.11, 5.3): no abort, reset or lost session ends it. Until it is done the unit is not
 * ready, and says how far it has come.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type BlockDevice, type IoCompletion, type IoResult, OK } from "../storage/block-device.ts";
import type { Condition } from "./condition.ts";

/** One pass over the medium: what is done to each piece of it, of at most `stepBytes`. */
export interface MediumPass {
  /** It goes no faster than this, on average. */
  readonly bytesPerSecond: number;
  readonly stepBytes: number;
  perform(offset: number, bytes: number): IoCompletion;
}

/** PROGRESS INDICATION counts in parts of this (SPC-4 4.5.2.4.4). */
const WHOLE = 65_536;

export class MediumOperation {
  /** What other commands are told meanwhile. */
  readonly condition: Condition;
  readonly #device: BlockDevice;
  readonly #passes: readonly MediumPass[];
  #doneBytes = 0;

  constructor(device: BlockDevice, condition: Condition, passes: readonly MediumPass[]) {
    this.#device = device;
    this.condition = condition;
    this.#passes = passes;
  }

  /** 0 to 65535. */
  get progress(): number {
    const totalBytes = this.#passes.length * this.#device.sizeBytes;
    return Math.min(WHOLE - 1, Math.floor((this.#doneBytes * WHOLE) / Math.max(1, totalBytes)));
  }

  /** To the first failure, or until all of it is on the medium. */
  async run(): Promise<IoResult> {
    for (const pass of this.#passes) {
      const { stepBytes, bytesPerSecond } = pass;
      // The device may change its size meanwhile: what there is at the end is what has to be done.
      for (let offset = 0; offset < this.#device.sizeBytes; offset += stepBytes) {
        const bytes = Math.min(stepBytes, this.#device.sizeBytes - offset);
        const result = await pass.perform(offset, bytes);
        if (result !== OK && result.kind !== "ok") return result;
        this.#doneBytes += bytes;
        // Devices that answer in the same call would keep everybody else waiting.
        await sleep((bytes / bytesPerSecond) * 1000);
      }
    }
    return await this.#device.flush();
  }
}
