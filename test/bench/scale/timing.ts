/** Times of what is done in turns. */
import { performance } from "node:perf_hooks";
import { summary } from "../statistics.ts";
import type { Pair } from "./row.ts";

/** Milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

export function median(samples: readonly number[]): number {
  return summary(samples).median;
}

/** Both, in turns, the first round of each left out: what is compiled and cached in it is paid once. The medians. */
export async function inTurns(
  rounds: number,
  reference: (round: number) => Promise<number>,
  ours: (round: number) => Promise<number>,
): Promise<Pair> {
  const [theirs, own]: [number[], number[]] = [[], []];
  for (let round = 0; round <= rounds; round += 1) {
    theirs.push(await reference(round));
    own.push(await ours(round));
  }
  return { reference: median(theirs.slice(1)), ours: median(own.slice(1)) };
}
