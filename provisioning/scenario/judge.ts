/** Whether what was seen of a lab is what a scenario expects (pure). */
import { type Check, type CheckKind, type CheckOf, type Judgement, ROW_KEYS, type RowKind } from "./checks.ts";
import type { LoadAccount } from "./load-account.ts";
import { fits, type Quantity } from "./quantity.ts";

/** A path as its host sees it. */
export interface SeenPath {
  readonly device: string;
  /** The host would send I/O over it. */
  readonly active: boolean;
  /** Asymmetric access state, "active/optimized"; "-" where the host does not ask for it. */
  readonly access: string;
  /** All that is known of its state, for the report. */
  readonly state: string;
}

/** What is looked at for each kind of check. */
export interface Seen {
  readonly paths: readonly SeenPath[];
  readonly load: { readonly account: LoadAccount; readonly damaged: readonly string[] };
  readonly command: { readonly exitCode: number; readonly stdout: string; readonly stderr: string };
  readonly contents: { readonly equal: boolean };
  readonly consistent: { readonly problems: readonly string[] };
  readonly row: Readonly<Record<string, unknown>> | undefined;
}
export type SeenOf<Kind extends CheckKind> = Kind extends RowKind ? Seen["row"] : Seen[Kind & keyof Seen];

export function judge<Kind extends CheckKind>(check: CheckOf<Kind>, seen: SeenOf<Kind>): Judgement {
  if (check.kind in ROW_KEYS) return judgeRow(check as CheckOf<RowKind>, seen as Seen["row"]);
  const judgeIt = JUDGES[check.kind as Exclude<CheckKind, RowKind>] as (check: Check, seen: unknown) => Judgement;
  return judgeIt(check, seen);
}

const JUDGES: {
  readonly [Kind in Exclude<CheckKind, RowKind>]: (check: CheckOf<Kind>, seen: Seen[Kind]) => Judgement;
} = {
  paths: ({ host, disk, active, total, optimized }, paths) => ({
    holds:
      isFit(paths.filter((path) => path.active).length, active) &&
      isFit(paths.length, total) &&
      isFit(paths.filter(({ access }) => access === "active/optimized").length, optimized),
    saw: `${paths.filter((path) => path.active).length} of ${paths.length} paths of '${disk}' at '${host}' active (${pathText(paths)})`,
  }),
  load: (check, { account, damaged }) => {
    const { done, errors, pauseMs, idleMs } = account;
    const holds =
      isFit(done, check.done) &&
      isFit(errors, check.errors) &&
      isFit(pauseMs, check.pause) &&
      isFit(idleMs, check.idle);
    const counts = `${done} done, ${errors} failed, longest pause ${seconds(pauseMs)}, last success ${seconds(idleMs)} ago`;
    const harm = damaged.length === 0 ? "" : `; damaged: ${damaged.slice(0, 3).join(", ")}`;
    const since = check.since === null ? "" : ` since '${check.since}'`;
    return { holds: holds && damaged.length === 0, saw: `load '${check.name}'${since}: ${counts}${harm}` };
  },
  command: ({ command, exit, output }, { exitCode, stdout, stderr }) => ({
    holds: exitCode === exit && (output === null || new RegExp(output, "m").test(stdout + stderr)),
    saw: `'${shortened(command.join(" "))}' ended with ${exitCode}: ${shortened((stdout + stderr).trim()) || "no output"}`,
  }),
  contents: ({ disk, like, equal }, seen) => {
    const other = "disk" in like ? `disk '${like.disk}'` : `what '${like.remembered}' was`;
    return { holds: seen.equal === equal, saw: `disk '${disk}' ${seen.equal ? "equals" : "differs from"} ${other}` };
  },
  consistent: ({ value }, { problems }) => ({
    holds: (problems.length === 0) === value,
    saw: problems.length === 0 ? "every table is consistent" : problems.slice(0, 3).join("; "),
  }),
};

function judgeRow({ kind, name, wanted }: CheckOf<RowKind>, row: Seen["row"]): Judgement {
  const what = name === "" ? `the ${kind}` : `${kind} '${name}'`;
  if (row === undefined) return { holds: false, saw: `there is no ${kind} '${name}'` };
  const holds = Object.entries(wanted).every(([key, value]) => {
    if (typeof value === "string") return row[key] === value;
    return typeof row[key] === "number" && fits(row[key], value);
  });
  const values = Object.keys(wanted).map((key) => `${key} ${String(row[key])}`);
  return { holds, saw: `${what}: ${values.join(", ")}` };
}

function isFit(value: number, wanted: Quantity | null): boolean {
  return wanted === null || fits(value, wanted);
}

function pathText(paths: readonly SeenPath[]): string {
  if (paths.length === 0) return "none is there";
  return paths.map(({ device, state, access }) => `${device} ${state}${access === "-" ? "" : ` ${access}`}`).join("; ");
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function shortened(text: string): string {
  const line = text.replaceAll(/\s+/g, " ");
  return line.length > 200 ? `${line.slice(0, 197)}...` : line;
}
