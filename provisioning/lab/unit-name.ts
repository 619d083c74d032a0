/** What hosts are shown: a disk as `DISK`, a further table of one as `DISK/TABLE`. */

export interface ShownUnit {
  readonly disk: string;
  readonly table?: string;
}

export function unitName(disk: string, table?: string): string {
  return table === undefined ? disk : `${disk}/${table}`;
}

export function parseUnit(name: string): ShownUnit {
  const [disk = "", table] = name.split("/");
  return table === undefined ? { disk } : { disk, table };
}

/** Where a name may have no slash: serial numbers, names of device nodes. No other name has a full stop. */
export function plainName(name: string): string {
  return name.replace("/", ".");
}

/** Of an export of it, in the HTTP API. */
export function exportPath(host: string, { disk, table }: ShownUnit): string {
  return `/exports/${host}/${disk}${table === undefined ? "" : `?table=${table}`}`;
}
