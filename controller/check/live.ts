/** The check of a lab that runs: what is stored, what its controller goes by, and what its agents have. */
import type { CheckReport } from "../api/resources.ts";
import type { ControllerCore } from "../core.ts";
import type { StoreView } from "../store/store.ts";
import { chunkKey, rootKey, words } from "../tables/layout.ts";
import { Refusal } from "../user-error.ts";
import { auditAgents } from "./agents.ts";
import { examine } from "./check.ts";
import { differences, storedAs } from "./memory.ts";
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
  // Between two transactions the store holds what the controller knows. Neither changes what is looked at then.
  const { view, known, tables } = await core.commits.between(async () => {
    const tables = [...core.tables.known(rootKey, chunkKey)];
    return { view: await core.options.store.view(), known: storedAs(core.records), tables };
  });
  try {
    const inMemory = [...(await differences(view, known)), ...(await tableDifferences(view, tables))];
    return [...inMemory, ...(await examine(view)).problems];
  } finally {
    await view.close();
  }
}

async function tableDifferences(
  view: StoreView,
  tables: readonly (readonly [key: string, words: Uint32Array])[],
): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const [key, ours] of tables) {
    const value = await view.get(key);
    // A table that was never written to is known as an empty one.
    if (value?.length === ours.byteLength || (value === undefined && ours.length === 0)) {
      if (value === undefined || words(value).every((word, at) => word === ours[at])) continue;
    }
    const message = `${key} was changed beside the controller that runs, which goes by what was there.`;
    problems.push({ code: "memory", message, repair: null, lost: false });
  }
  return problems;
}
