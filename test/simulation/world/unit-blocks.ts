/** Where the blocks of a logical unit lie on its disk: those of a further table (seed A3) are in another order, and not all of them. */
import type { PublishedUnit } from "node-iscsi-target/mapping/protocol.ts";
import { SEGMENT_BLOCKS } from "./sim-disk.ts";

type Shown = Pick<PublishedUnit, "view">;

/** Blocks of the disk, of consecutive blocks of the unit. */
export function diskBlocks(unit: Shown, first: number, count: number): number[] {
  return Array.from({ length: count }, (_, at) => diskBlock(unit, first + at));
}

function diskBlock({ view }: Shown, block: number): number {
  if (view === undefined) return block;
  let left = Math.floor(block / SEGMENT_BLOCKS);
  for (const [first, count] of view.ranges) {
    if (left < count) return (first + left) * SEGMENT_BLOCKS + (block % SEGMENT_BLOCKS);
    left -= count;
  }
  throw new RangeError(`block ${block} lies beyond the table's end`);
}

/** Where the unit shows a block of its disk; undefined: nowhere. */
export function unitBlock({ view }: Shown, block: number): number | undefined {
  if (view === undefined) return block;
  const segment = Math.floor(block / SEGMENT_BLOCKS);
  let before = 0;
  for (const [first, count] of view.ranges) {
    if (segment >= first && segment < first + count)
      return (before + segment - first) * SEGMENT_BLOCKS + (block % SEGMENT_BLOCKS);
    before += count;
  }
  return undefined;
}

/** The segments that blocks lie in, each once. */
export function segmentsOfBlocks(blocks: readonly number[]): number[] {
  return [...new Set(blocks.map((block) => Math.floor(block / SEGMENT_BLOCKS)))];
}
