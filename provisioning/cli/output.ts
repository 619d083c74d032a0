/** What goes to stdout: one JSON document, or text for people. All else (progress, notes, errors) goes to stderr. */

export type Row = Readonly<Record<string, string | number | null | undefined>>;

/** Columns as wide as their widest cell; numbers to the right. */
export function table(headings: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = [headings, ...rows.map((row) => row.map(String))];
  const widths = headings.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const lines = cells.map((row, line) =>
    row
      .map((cell, column) => {
        const isNumber = line > 0 && typeof rows[line - 1]?.[column] === "number";
        return isNumber ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0);
      })
      .join("  ")
      .trimEnd(),
  );
  return lines.join("\n");
}

/** A line per key, the values in one column. */
export function facts(pairs: readonly (readonly [string, string | number])[]): string {
  const width = Math.max(...pairs.map(([key]) => key.length));
  return pairs.map(([key, value]) => `${key.padEnd(width)}  ${value}`).join("\n");
}

/** Returns when the text is out of this process, so that it may end. */
export function write(stream: NodeJS.WriteStream, text: string): Promise<void> {
  // A reader that has gone (sanlab … | head) wants no more, and that is no error of ours.
  return new Promise((resolve) => {
    stream.write(text, () => resolve());
  });
}
