import { closeSync, existsSync, openSync } from "node:fs";
import { join } from "node:path";
import type { CheckReport } from "@sanlab/controller/api/resources.ts";
import { tryLock } from "node-iscsi-target/storage/syscalls/locks.ts";
import { readLabRecord } from "../state/lab-record.ts";
import { ExitCode, UserError } from "../user-error.ts";
import type { VerbContext } from "./verb.ts";

export async function showCheck(context: VerbContext, { repair }: { readonly repair: boolean }): Promise<number> {
  const report = await reportOf(context, repair);
  await context.print(report, () => textOf(report));
  for (const agent of report.unheard) {
    context.note(`Agent '${agent}' did not answer: what it has of the tables was not looked at.`);
  }
  if (report.problems.length === 0) return ExitCode.DONE;
  const lost = report.problems.filter((problem) => problem.lost).length;
  context.note(report.repaired ? repairedNote(report, lost) : foundNote(report, context.state));
  return report.consistent ? ExitCode.DONE : ExitCode.REFUSED;
}

function textOf({ problems, repaired }: CheckReport): string {
  if (problems.length === 0) return "Every table is consistent.";
  const lines = problems.map(({ code, message, repair, lost }) => {
    const does = repaired && repair !== null ? ` ${lost ? "LOST: " : ""}${repair}` : "";
    return `${code}: ${message}${does}`;
  });
  return lines.join("\n");
}

function foundNote({ problems }: CheckReport, state: string): string {
  const hint = problems.some(({ repair }) => repair !== null)
    ? "; 'sanlab check --repair' mends what can be mended"
    : "";
  return `${counted(problems.length)} found in the tables of ${state}${hint}.`;
}

function repairedNote({ problems, copy }: CheckReport, lost: number): string {
  const kept = copy === undefined ? "" : ` The tables as they were are in ${copy}.`;
  const loss = lost === 0 ? "nothing was lost" : `${lost} of them with a loss`;
  return `${counted(problems.length)} mended, ${loss}.${kept}`;
}

function counted(count: number): string {
  return `${count} problem${count === 1 ? "" : "s"}`;
}

async function reportOf(context: VerbContext, repair: boolean): Promise<CheckReport> {
  if (await isRunning(context)) return context.api.post<CheckReport>(`/check${repair ? "?repair=1" : ""}`);
  if ((await readLabRecord(context.state)) === undefined && !existsSync(join(context.state, "controller.sqlite"))) {
    throw new UserError("NOT_RUNNING", `There is no lab in ${context.state}: name its state directory with --state.`, {
      exitCode: ExitCode.NOT_RUNNING,
    });
  }
  const { checkStoppedState, repairStoppedState } = await import("@sanlab/controller/check/stopped.ts");
  return repair ? repairStoppedState(context.state) : checkStoppedState(context.state);
}

/** A controller in the foreground has no supervisor, but it holds its lock. */
async function isRunning(context: VerbContext): Promise<boolean> {
  if ((await context.supervisor.status()) !== undefined) return true;
  const file = join(context.state, "controller.lock");
  if (!existsSync(file)) return false;
  const lock = openSync(file, "r+");
  try {
    return !tryLock(lock, "exclusive");
  } finally {
    closeSync(lock);
  }
}
