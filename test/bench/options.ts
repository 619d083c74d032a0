/** What the benchmark is asked for, on its command line. */
import { parseArgs } from "node:util";

export const USAGE = `npm run bench [-- OPTION…]: a mapped disk of ours against tgt, taking turns in every round of the same run

  --quick         one minute, for a noisy machine: a row that has less than 60 % of what is required is measured once more,
                  and fails where it has that again
  --scale         only large disks, and many: a quarter of an hour
  --row TEXT      only rows whose name has TEXT; may be given several times
  --rounds N      how often each row is measured (5; 3 with --quick)
  --seconds N     how long each time (2; 1 with --quick)
  --output FILE   where the figures go as JSON (bench.json)
  --help          this

Ends with 1 where a requirement is not met (docs/performance.md), with 2 where it does not understand what it is asked for. Ctrl-C ends
all that it has started, and it ends with 130.`;

export interface BenchOptions {
  readonly quick: boolean;
  readonly scale: boolean;
  readonly help: boolean;
  /** Texts that names of rows are to have, any of them; none: all rows. */
  readonly row: readonly string[];
  readonly rounds: number;
  readonly seconds: number;
  readonly output: string;
}

/** Of all rows, and of those that the quick form has. */
export interface RowNames {
  readonly all: readonly string[];
  readonly quick: readonly string[];
}

/** A string is a sentence on what is wrong. */
export function benchOptions(args: readonly string[], rows: RowNames): BenchOptions | string {
  const values = parsed(args);
  if (typeof values === "string") return values;
  const { quick, row } = values;
  const rounds = Number(values.rounds ?? (quick ? 3 : 5));
  const seconds = Number(values.seconds ?? (quick ? 1 : 2));
  for (const [name, value] of Object.entries({ rounds, seconds }))
    if (!Number.isInteger(value) || value < 1)
      return `--${name} is '${values[name as "rounds" | "seconds"]}'; give a whole number from 1.`;
  const names = quick ? rows.quick : rows.all;
  const unknown = row.find((text) => !names.some((name) => name.includes(text)));
  if (unknown !== undefined)
    return `No row${quick ? " of the quick form" : ""} has '${unknown}' in its name; the rows are:\n${names.map((name) => `  ${name}`).join("\n")}`;
  return { ...values, rounds, seconds };
}

function parsed(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        quick: { type: "boolean", default: false },
        scale: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
        rounds: { type: "string" },
        seconds: { type: "string" },
        row: { type: "string", multiple: true, default: [] },
        output: { type: "string", default: "bench.json" },
      },
    });
    return values;
  } catch (error) {
    const isUsage = error instanceof Error && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
    if (!isUsage) throw error;
    return `${error.message.split(". ")[0]?.replace(/\.$/, "")}; see npm run bench -- --help.`;
  }
}
