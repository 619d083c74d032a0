/** Ranges of logical blocks, as the parts of a unit speak of them to each other. */

export interface BlockRange {
  readonly lba: number;
  readonly blocks: number;
}

export function overlap(a: BlockRange, b: BlockRange): boolean {
  return a.lba < b.lba + b.blocks && b.lba < a.lba + a.blocks;
}
