/** Counts of a TAP stream: what passed, failed, and was skipped or left to do. */
export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const VERDICT = /^(not )?ok \d+/;
const SKIPPED = /# (SKIP|TODO)/i;

export function tapTotals(tap: string): Totals {
  const verdicts = tap.split("\n").filter((line) => VERDICT.test(line));
  const ran = verdicts.filter((line) => !SKIPPED.test(line));
  const failed = ran.filter((line) => line.startsWith("not ")).length;
  return { passed: ran.length - failed, failed, skipped: verdicts.length - ran.length };
}
