/** COMPARE AND WRITE as the SCSI layer does it: with the blocks to itself it reads them and writes, from the beginning where they were lost. */
import type { Exclusion, Initiation, IoResult } from "node-iscsi-target/storage/block-device.ts";
import type { Lab } from "../world/lab.ts";
import type { SimProcess, SimUnit } from "../world/sim-agent.ts";
import { BLOCK_BYTES } from "../world/sim-disk.ts";
import { segmentsOfBlocks } from "../world/unit-blocks.ts";

export interface Swap {
  readonly process: SimProcess;
  readonly unit: SimUnit;
  /** Of the logical unit. */
  readonly first: number;
  /** Of the disk. */
  readonly blocks: readonly number[];
  /** What is written in the end. */
  readonly data: Uint8Array;
  readonly fua: boolean;
}

const CANCELLED: IoResult = { kind: "cancelled" };
/** Mean time for the comparison, ms: long, so that others would come in between. */
const COMPARISON_MS = 3;

export async function swap(lab: Lab, work: Swap, by: Initiation): Promise<IoResult> {
  const { process, unit, first, blocks, data } = work;
  const { table, id } = unit.unit;
  for (;;) {
    const exclusion = await unit.device.exclude?.(first * BLOCK_BYTES, data.length, by);
    if (exclusion === undefined) throw new Error("A mapped device excludes others.");
    if ("kind" in exclusion) return exclusion;
    const held = { process, table, unit: id, segments: segmentsOfBlocks(blocks), exclusion };
    try {
      lab.guard(() => lab.rules.exclusions.excluded(held));
      const result = await exchange(lab, work, exclusion);
      if (result.kind !== "cancelled" || by.cancelled) return result;
    } finally {
      lab.rules.exclusions.readmitted(held);
      exclusion.end();
    }
  }
}

async function exchange(lab: Lab, { process, unit, first, blocks, data, fua }: Swap, by: Exclusion): Promise<IoResult> {
  const { device } = unit;
  const context = { table: unit.unit.table, unit: unit.unit.id, blocks };
  const found = new Uint8Array(data.length);
  const options = { fua };
  for (const carrier of [found.buffer, data.buffer, options]) lab.contexts.set(carrier, context);
  const read = await device.read(first * BLOCK_BYTES, found, by);
  if (read.kind !== "ok") return read;
  const { promise: compared, resolve } = Promise.withResolvers<void>();
  lab.scheduler.after(lab.chance.delay(COMPARISON_MS), () => process.deliver(resolve));
  await compared;
  return by.cancelled ? CANCELLED : await device.write(first * BLOCK_BYTES, [data], options, by);
}
