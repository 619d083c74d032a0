/** Measures the rows of scale that were asked for, a lab for each group of them. */
import { LARGE_DISKS } from "./large-disks.ts";
import { MANY_DISKS } from "./many-disks.ts";
import { resultOf, type ScaleFigure, type ScaleGroup } from "./row.ts";
import { WRITTEN_DISKS } from "./written-disks.ts";

const GROUPS: readonly ScaleGroup[] = [WRITTEN_DISKS, MANY_DISKS, LARGE_DISKS];

export const SCALE_ROWS = GROUPS.flatMap(({ parts }) => parts.flatMap(({ rows }) => rows));

type Chosen = (row: { readonly name: string }) => boolean;

export async function measureScale(chosen: Chosen, rounds: number): Promise<ScaleFigure[]> {
  const figures: ScaleFigure[] = [];
  for (const { start, parts } of GROUPS) {
    const wanted = parts.filter(({ rows }) => rows.some(chosen));
    if (wanted.length === 0) continue;
    const lab = await start();
    try {
      for (const { rows, measure } of wanted) {
        const pairs = await measure(lab, rounds);
        for (const [at, row] of rows.entries()) {
          const pair = pairs[at];
          if (pair === undefined) throw new Error(`Nothing was measured for: ${row.name}`);
          const figure = { row, ...pair };
          if (chosen(row)) figures.push(figure);
          process.stderr.write(`${row.name}: ${resultOf(figure).toFixed(2)}\n`);
        }
      }
    } finally {
      await lab.close();
    }
  }
  return figures;
}
