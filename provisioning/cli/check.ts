import type { CheckReport } from "@sanlab/controller/api/resources.ts";
import { readLabRecord } from "../state/lab-record.ts";
import { ExitCode, UserError } from "../user-error.ts";
import type { VerbContext } from "./verb.ts";

export async function showCheck(context: VerbContext): Promise<number> {
  const report = await reportOf(context);
  await context.print(report, () =>
    report.consistent
      ? "Every table is consistent."
      : report.problems.map(({ code, message }) => `${code}: ${message}`).join("\n"),
  );
  if (report.consistent) return ExitCode.DONE;
  context.note(
    `${report.problems.length} problem${report.problems.length === 1 ? "" : "s"} found in the tables of ${context.state}.`,
  );
  return ExitCode.REFUSED;
}

async function reportOf(context: VerbContext): Promise<CheckReport> {
  if ((await context.supervisor.status()) !== undefined) return context.api.post<CheckReport>("/check");
  if ((await readLabRecord(context.state)) === undefined) {
    throw new UserError("NOT_RUNNING", `There is no lab in ${context.state}: name its state directory with --state.`, {
      exitCode: ExitCode.NOT_RUNNING,
    });
  }
  const { checkStoppedState } = await import("@sanlab/controller/check/stopped.ts");
  return checkStoppedState(context.state);
}
