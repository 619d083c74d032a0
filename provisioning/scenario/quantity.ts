/** Numbers and times as scenarios compare them: `3`, `>= 3`, `<= 1.5s`. */
import { duration } from "node-iscsi-target/injection/values.ts";

type Comparison = "=" | ">=" | "<=" | ">" | "<";
export interface Quantity {
  readonly comparison: Comparison;
  /** A count, or ms. */
  readonly value: number;
  /** As it was written. */
  readonly text: string;
}

const COMPARE: { readonly [C in Comparison]: (a: number, b: number) => boolean } = {
  "=": (a, b) => a === b,
  ">=": (a, b) => a >= b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  "<": (a, b) => a < b,
};

export function fits(value: number, wanted: Quantity): boolean {
  return COMPARE[wanted.comparison](value, wanted.value);
}

/** Undefined where it is no count. */
export function countOf(written: unknown): Quantity | undefined {
  if (typeof written === "number") return { comparison: "=", value: written, text: String(written) };
  return read(written, "=", (text) => (/^[0-9]{1,12}$/.test(text) ? Number(text) : undefined));
}

/** A bare time is the most that it may be. Undefined where it is no time. */
export function timeOf(written: unknown): Quantity | undefined {
  return read(written, "<=", duration);
}

function read(written: unknown, bare: Comparison, parse: (text: string) => number | undefined): Quantity | undefined {
  if (typeof written !== "string") return undefined;
  const [, comparison, rest = ""] = /^(>=|<=|>|<)?\s*(\S+)$/.exec(written) ?? [];
  const value = parse(rest);
  if (value === undefined) return undefined;
  return { comparison: (comparison as Comparison | undefined) ?? bare, value, text: written };
}
