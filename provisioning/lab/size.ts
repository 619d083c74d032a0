/** Sizes as people write them: a whole number and a binary unit. */

const UNITS = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 } as const;

export const SIZE_FORMAT = "a size with its unit, KiB, MiB, GiB or TiB, such as 512MiB";

/** Bytes, or undefined where `text` is no size ("512MiB", "2 GiB"). */
export function parseSize(text: string): number | undefined {
  const [, number, unit] = /^([1-9][0-9]{0,12}) ?(KiB|MiB|GiB|TiB)$/.exec(text.trim()) ?? [];
  if (number === undefined || unit === undefined) return undefined;
  const bytes = Number(number) * UNITS[unit as keyof typeof UNITS];
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** The shortest exact form: 1073741824 is "1GiB", 1572864 is "1536KiB"; what is no multiple of 1 KiB is in bytes. */
export function formatSize(bytes: number): string {
  const [unit, factor] = Object.entries(UNITS).findLast(([, size]) => bytes >= size && bytes % size === 0) ?? ["", 1];
  return unit === "" ? `${bytes} bytes` : `${bytes / factor}${unit}`;
}
