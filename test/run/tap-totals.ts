/** Counts of a TAP stream: what passed, failed, and was skipped or left to do. */
export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export function tapTotals(tap: string): Totals {
  const lines = tap.split("\n");
  const skipped = lines.filter((line) => /^(not )?ok .*# (SKIP|TODO)/i.test(line)).length;
  const passed =
    lines.filter((line) => /^ok /.test(line)).length - lines.filter((line) => /^ok .*# (SKIP|TODO)/i.test(line)).length;
  const failed = lines.filter((line) => /^not ok /.test(line) && !/# (SKIP|TODO)/i.test(line)).length;
  return { passed, failed, skipped };
}
