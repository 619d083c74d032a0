/** One option of QEMU with its value, if it has one. */
export type Option = readonly [flag: string] | readonly [flag: string, value: string];

/** QEMU's option syntax, "key=value,…": a comma in a value is doubled. The key "" takes a bare value. */
export function values(pairs: Readonly<Record<string, string>>): string {
  return Object.entries(pairs)
    .map(([key, value]) => (key === "" ? "" : `${key}=`) + value.replaceAll(",", ",,"))
    .join(",");
}
