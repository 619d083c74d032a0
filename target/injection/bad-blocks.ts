/** Blocks of a medium that cannot be read until they are written anew, as sectors of real disks are repaired. */
/** Both ends are of it. */
export interface BlockRange {
  readonly first: number;
  readonly last: number;
}

/** The first of the blocks that lies in one of the ranges, which are in ascending order. */
export function firstOf(ranges: readonly BlockRange[], lba: number, blocks: number): number | undefined {
  const range = ranges.find(({ first, last }) => first < lba + blocks && lba <= last);
  return range && Math.max(range.first, lba);
}

export class BadBlocks {
  /** In ascending order, none next to another. */
  #bad: BlockRange[];

  constructor(ranges: readonly BlockRange[], repaired: readonly BlockRange[] = []) {
    this.#bad = [...ranges];
    for (const one of repaired) this.repair(one.first, one.last);
  }

  /** The first block of these that is bad; undefined: all can be read. */
  firstIn(lba: number, blocks: number): number | undefined {
    return firstOf(this.#bad, lba, blocks);
  }

  repair(first: number, last: number): void {
    this.#bad = this.#bad.flatMap((range) => {
      const before = { first: range.first, last: Math.min(range.last, first - 1) };
      const after = { first: Math.max(range.first, last + 1), last: range.last };
      return [before, after].filter((left) => left.first <= left.last);
    });
  }
}
