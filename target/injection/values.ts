/** Readers of single values in the text of a fault: whole numbers, times, sizes, names. */
import { FaultTextError, type Word } from "./words.ts";

const MILLISECONDS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const BYTES: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };
/** The longest time that a timer of the runtime can wait, ms. */
const MAX_MS = 2 ** 31 - 1;

export const DURATION_FORMAT = "a time with its unit, ms, s, m or h, such as 250ms (24 days at most)";

export function whole(word: Word, what: string, least = 1): number {
  const value = /^[0-9]{1,15}$/.test(word.text) ? Number(word.text) : Number.NaN;
  if (!(value >= least)) throw new FaultTextError(word, `${what}, a whole number from ${least}`);
  return value;
}

/** Milliseconds; undefined where the text is no time. */
export function duration(text: string): number | undefined {
  const [, number, unit] = /^([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|m|h)$/.exec(text) ?? [];
  const ms = Number(number) * (MILLISECONDS[unit ?? ""] ?? Number.NaN);
  return ms <= MAX_MS ? ms : undefined;
}

/** Bytes; undefined where the text is no size, or none at all. */
export function size(text: string): number | undefined {
  const [, number, unit] = /^([1-9][0-9]{0,9})(B|KiB|MiB|GiB)$/.exec(text) ?? [];
  const bytes = Number(number) * (BYTES[unit ?? ""] ?? Number.NaN);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

export function probability(word: Word): number {
  const value = /^(0|1|0?\.[0-9]{1,9}|1\.0{1,9})$/.test(word.text) ? Number(word.text) : Number.NaN;
  if (!(value > 0)) throw new FaultTextError(word, "a probability above 0 and up to 1, such as 0.05");
  return value;
}
