/** What a table says about several measurements of one thing. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** (max - min) / median: how far apart the rounds were. */
  readonly spread: number;
  readonly samples: readonly number[];
}

/** @throws Error where there is no sample */
export function summary(samples: readonly number[]): Summary {
  const sorted = samples.toSorted((one, other) => one - other);
  const [min, max] = [sorted[0], sorted.at(-1)];
  if (min === undefined || max === undefined) throw new Error("Nothing was measured.");
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] as number;
  const median = Number.isInteger(middle) ? ((sorted[middle - 1] as number) + upper) / 2 : upper;
  return { median, min, max, spread: median === 0 ? 0 : (max - min) / median, samples };
}
