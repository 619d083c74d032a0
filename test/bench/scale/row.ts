/** Requirements of scale and speed: ours against something else of the same run, and how many times as much it may be. */
import type { ScaleLab } from "./scale-lab.ts";

export interface Pair {
  /** What ours is held against. */
  readonly reference: number;
  readonly ours: number;
}

export interface ScaleRow {
  readonly name: string;
  /** Of both figures. */
  readonly unit: string;
  /** What the reference is, for people. */
  readonly against: string;
  /** Ours over the reference, at most; where `isDifference`, ours less the reference. */
  readonly atMost: number;
  readonly isDifference?: true;
}

export interface ScaleFigure extends Pair {
  readonly row: ScaleRow;
}

export function resultOf({ row, reference, ours }: ScaleFigure): number {
  return row.isDifference ? ours - reference : ours / reference;
}

export function isWithin(figure: ScaleFigure): boolean {
  return resultOf(figure) <= figure.row.atMost;
}

/** Rows that one measurement serves: a pair for each, in their order. */
export interface ScalePart {
  readonly rows: readonly ScaleRow[];
  readonly measure: (lab: ScaleLab, rounds: number) => Promise<readonly Pair[]>;
}

/** Parts on one lab, one after another: what it takes to make it is paid once. */
export interface ScaleGroup {
  readonly start: () => Promise<ScaleLab>;
  readonly parts: readonly ScalePart[];
}
