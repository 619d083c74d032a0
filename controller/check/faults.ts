/** Faults on demand: texts that can be read. */
import { parseFault } from "node-iscsi-target/injection/parse.ts";
import { UserError } from "node-iscsi-target/storage/user-error.ts";
import type { Findings } from "./problem.ts";
import type { Stored } from "./stored.ts";

/** A fault whose text cannot be read would keep every agent from all that it is to have. */
export function faults(stored: Stored, findings: Findings): void {
  const { injections } = stored.records;
  for (const { name, text } of injections.values()) {
    const problem = problemOfText(text);
    if (problem === undefined) continue;
    findings.add(
      "fault",
      `The text of fault '${name}' cannot be: ${problem}`,
      "It is removed; add the fault again.",
      true,
    );
    stored.drop(injections, name);
  }
}

function problemOfText(text: string): string | undefined {
  try {
    parseFault(text);
    return undefined;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.message;
  }
}
