/** One thing that is wrong with a lab file. */
export interface LabProblem {
  readonly line: number;
  /** The place by its keys, "disks.data.size"; empty for the file itself. */
  readonly at: string;
  /** What stands there. */
  readonly found: string;
  readonly expected: string;
}

/** "lab.yaml:7: disks.data.size: found '2GB', expected a size with its unit" */
export function problemText(file: string, { line, at, found, expected }: LabProblem): string {
  return `${file}:${line}: ${at === "" ? "" : `${at}: `}found ${found}, expected ${expected}`;
}

/** A value as its file would show it, shortened. */
export function shown(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  const text = typeof value === "string" ? `'${value}'` : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
