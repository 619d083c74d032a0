/** Measures the rows of scale that were asked for, a lab for each group of them. */

import { holding } from "../open-things.ts";
import { scaleParts } from "../table.ts";
import { LARGE_DISKS } from "./large-disks.ts";
import { MANY_DISKS } from "./many-disks.ts";
import type { ScaleFigure, ScaleGroup, ScalePart } from "./row.ts";
import type { ScaleLab } from "./scale-lab.ts";
import { WRITTEN_DISKS } from "./written-disks.ts";

const GROUPS: readonly ScaleGroup[] = [WRITTEN_DISKS, MANY_DISKS, LARGE_DISKS];

export const SCALE_ROWS = GROUPS.flatMap(({ parts }) => parts.flatMap(({ rows }) => rows));

type Chosen = (row: { readonly name: string }) => boolean;

export async function measureScale(chosen: Chosen, rounds: number): Promise<ScaleFigure[]> {
  const figures: ScaleFigure[] = [];
  for (const { start, parts } of GROUPS) {
    const wanted = parts.filter(({ rows }) => rows.some(chosen));
    if (wanted.length === 0) continue;
    await holding(start, async (lab) => {
      for (const part of wanted) figures.push(...(await measurePart(part, lab, rounds)));
    });
  }
  return figures.filter(({ row }) => chosen(row));
}

async function measurePart({ rows, measure }: ScalePart, lab: ScaleLab, rounds: number): Promise<ScaleFigure[]> {
  const pairs = await measure(lab, rounds);
  return rows.map((row, at) => {
    const pair = pairs[at];
    if (pair === undefined) throw new Error(`Nothing was measured for: ${row.name}`);
    const figure = { row, ...pair };
    const { against, ours, result } = scaleParts(figure);
    process.stderr.write(`${row.name}: ${against}, ours ${ours}: ${result}\n`);
    return figure;
  });
}
