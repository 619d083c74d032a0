/** The figures as a table in Markdown, which reads well in a terminal too. */
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

export function heading(): string[] {
  return [cells(["work", "tgt", "ours", "ratio", "required"]), cells(["---", "---:", "---:", "---:", "---:"])];
}

export function compareLine({ row, baseline, ours, ratio }: Compared): string {
  return cells([
    row.name,
    shown(baseline, row.unit),
    shown(ours, row.unit),
    ratio.toFixed(2),
    row.required === undefined ? "" : `≥ ${row.required}`,
  ]);
}

export function ownLine({ name, unit, limit, isCost, figure }: OwnFigure): string {
  const required = limit === undefined ? "" : `${isCost ? "≤" : "≥"} ${limit} ${unit}`;
  return cells([name, "", shown(figure, unit), "", required]);
}

export function scaleHeading(): string[] {
  return ["", cells(["scale", "against", "ours", "ratio", "at most"]), cells(["---", "---:", "---:", "---:", "---:"])];
}

export function scaleLine(figure: ScaleFigure): string {
  const { row, reference, ours } = figure;
  const digits = (value: number) => value.toFixed(value >= 100 ? 0 : 2);
  return cells([
    row.name,
    `${row.against}: ${digits(reference)} ${row.unit}`,
    `${digits(ours)} ${row.unit}`,
    row.isDifference ? `+${digits(resultOf(figure))}` : resultOf(figure).toFixed(2),
    `≤ ${row.isDifference ? `+${row.atMost}` : row.atMost}`,
  ]);
}

/** The median, and how far apart the rounds were. */
function shown({ median, spread }: Summary, unit: string): string {
  const digits = median >= 100 ? 0 : 2;
  const number = median.toLocaleString("en", { maximumFractionDigits: digits, minimumFractionDigits: digits });
  return `${number} ${unit} (±${Math.round(spread * 50)} %)`;
}

const WIDTHS = [58, 26, 26, 6, 12];

function cells(texts: readonly string[]): string {
  return `| ${texts.map((text, at) => (at === 0 ? text.padEnd(WIDTHS[at] as number) : text.padStart(WIDTHS[at] as number))).join(" | ")} |`;
}
