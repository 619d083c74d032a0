/** Lists of block device range descriptors (SBC-4 5.12.3), as POPULATE TOKEN and WRITE USING TOKEN have them. */

import { type BlockRange, overlap } from "../block-range.ts";
import type { Command } from "../command.ts";
import { Condition } from "../condition.ts";
import type { ScsiResult } from "../transport.ts";
import { MAX_TOKEN_BYTES, MAX_TOKEN_RANGES } from "./limits.ts";
import { RangeDescriptor } from "./token-layouts.ts";

const { sizeBytes } = RangeDescriptor;

/** The complete descriptors among the `rangeBytes` bytes at `start`; those of no blocks are left out. */
export function parseRanges(
  command: Command,
  list: Buffer,
  start: number,
  rangeBytes: number,
): readonly BlockRange[] | ScsiResult {
  const { unit } = command;
  const count = Math.floor(Math.min(rangeBytes, list.length - start) / sizeBytes);
  if (count > MAX_TOKEN_RANGES) return command.fail(Condition.TOO_MANY_SEGMENT_DESCRIPTORS);
  const ranges: BlockRange[] = [];
  let total = 0;
  for (let at = start; at < start + count * sizeBytes; at += sizeBytes) {
    const { lba, blocks } = RangeDescriptor.decode(list, at);
    if (lba + blocks > unit.blocks) {
      return command.fail(Condition.LBA_OUT_OF_RANGE, { pointer: { inCdb: false, byte: at } });
    }
    total += blocks;
    if (total * unit.blockBytes > MAX_TOKEN_BYTES) return command.invalidParameter(at + 8);
    if (ranges.some((other) => overlap(other, { lba, blocks }))) return command.invalidParameter(at);
    if (blocks > 0) ranges.push({ lba, blocks });
  }
  return ranges;
}

export function blocksOf(ranges: readonly BlockRange[]): number {
  return ranges.reduce((sum, { blocks }) => sum + blocks, 0);
}
