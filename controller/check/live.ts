/** The check of a lab that runs: what is stored, what its controller goes by, and what its agents have. */
import type { CheckReport } from "../api/resources.ts";
import type { ControllerCore } from "../core.ts";
import { chunkKey, rootKey, words } from "../tables/layout.ts";
import { Refusal } from "../user-error.ts";
import { auditAgents } from "./agents.ts";
import { examine } from "./check.ts";
import { differences } from "./memory.ts";
import type { Problem } from "./problem.ts";

/**
 * `repair`: agents forget entries that are not the controller's, and fetch them again.
 *
 * @throws Refusal where the tables themselves are to be repaired, whose contents this controller has in memory and its agents use
 */
export async function checkLab(core: ControllerCore, repair: boolean): Promise<CheckReport> {
  const stored = await storedProblems(core);
  if (repair && stored.length > 0) {
    throw new Refusal(
      "running",
      `The stored tables have ${stored.length} ${stored.length === 1 ? "problem" : "problems"}, which cannot be mended while the lab runs; stop it ('sanlab down'), and run 'sanlab check --repair' again.`,
    );
  }
  const { problems: ofAgents, unheard } = await auditAgents(core, repair);
  const problems = [...stored, ...ofAgents];
  const repaired = repair && problems.length > 0;
  return { consistent: repaired || problems.length === 0, problems, repaired, unheard };
}

async function storedProblems(core: ControllerCore): Promise<Problem[]> {
  // Between two transactions the store holds what the controller knows.
  const [entries, inMemory] = await core.commits.between(async () => {
    const all = await core.options.store.range("");
    return [all, [...differences(all, core.records), ...tableDifferences(core, new Map(all))]] as const;
  });
  return [...inMemory, ...(await examine(entries)).problems];
}

function tableDifferences(core: ControllerCore, entries: ReadonlyMap<string, Uint8Array>): Problem[] {
  const problems: Problem[] = [];
  for (const [key, ours] of core.tables.known(rootKey, chunkKey)) {
    const value = entries.get(key);
    // A table that was never written to is known as an empty one.
    if (value?.length === ours.byteLength || (value === undefined && ours.length === 0)) {
      if (value === undefined || words(value).every((word, at) => word === ours[at])) continue;
    }
    const message = `${key} was changed beside the controller that runs, which goes by what was there.`;
    problems.push({ code: "memory", message, repair: null, lost: false });
  }
  return problems;
}
