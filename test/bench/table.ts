/** The figures as tables in Markdown, which read well in a terminal too. */
import type { Row } from "./rows.ts";
import { resultOf, type ScaleFigure } from "./scale/row.ts";
import type { Summary } from "./statistics.ts";

export interface Compared {
  readonly row: Row;
  readonly baseline: Summary;
  readonly ours: Summary;
  /** How many times better ours is. */
  readonly ratio: number;
}

export interface OwnFigure {
  readonly name: string;
  readonly unit: string;
  readonly limit: number | undefined;
  readonly isCost: boolean;
  readonly figure: Summary;
  readonly met: boolean;
}

/** @param share of what is required, at which a row is met */
export function comparisonTable(compared: readonly Compared[], own: readonly OwnFigure[], share: number): string[] {
  const heading = ["work", "tgt", "ours", "ratio", "required"];
  return aligned([heading, ...compared.map((row) => compareCells(row, share)), ...own.map(ownCells)]);
}

export function scaleTable(figures: readonly ScaleFigure[]): string[] {
  return aligned([["scale", "against", "ours", "ratio", "at most"], ...figures.map(scaleCells)]);
}

/** A number, as exact as its size asks for, with its unit. */
export function amount(value: number, unit: string): string {
  const digits = value >= 100 ? 0 : 2;
  return `${value.toLocaleString("en", { maximumFractionDigits: digits, minimumFractionDigits: digits })} ${unit}`;
}

/** Both sides of a figure of scale, and what they come to. */
export function scaleParts(figure: ScaleFigure): { against: string; ours: string; result: string } {
  const { row, reference, ours } = figure;
  const result = resultOf(figure);
  return {
    against: `${row.against}: ${amount(reference, row.unit)}`,
    ours: amount(ours, row.unit),
    result: row.isDifference ? `+${result.toFixed(result >= 100 ? 0 : 2)}` : result.toFixed(2),
  };
}

function compareCells({ row, baseline, ours, ratio }: Compared, share: number): string[] {
  const cells = [row.name, shown(baseline, row.unit), shown(ours, row.unit), ratio.toFixed(2)];
  return [...cells, row.required === undefined ? "" : least(row.required, share)];
}

function least(required: number, share: number): string {
  if (share === 1) return `≥ ${required}`;
  return `≥ ${Number((required * share).toFixed(2))} (${share * 100} % of ${required})`;
}

function ownCells({ name, unit, limit, isCost, figure }: OwnFigure): string[] {
  return [name, "", shown(figure, unit), "", limit === undefined ? "" : `${isCost ? "≤" : "≥"} ${limit} ${unit}`];
}

function scaleCells(figure: ScaleFigure): string[] {
  const { row } = figure;
  const { against, ours, result } = scaleParts(figure);
  return [row.name, against, ours, result, `≤ ${row.isDifference ? `+${row.atMost}` : row.atMost}`];
}

/** The median, and, of several rounds, how far apart they were. */
function shown({ median, spread, samples }: Summary, unit: string): string {
  return samples.length === 1 ? amount(median, unit) : `${amount(median, unit)} (±${Math.round(spread * 50)} %)`;
}

/** The first row is the heading; the first column is text, the others are figures. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(4, ...rows.map((cells) => cells[at]?.length ?? 0)));
  const rule = widths.map((width, at) => (at === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`));
  const line = (cells: readonly string[]) => {
    const padded = widths.map((width, at) => (at === 0 ? cells[at]?.padEnd(width) : cells[at]?.padStart(width)));
    return `| ${padded.join(" | ")} |`;
  };
  const [heading = [], ...others] = rows;
  return [heading, rule, ...others].map(line);
}
