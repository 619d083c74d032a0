import { ApiClient } from "../api/client.ts";
import { NO_LAB, type RunningLab, readRunningLab } from "../api/running-lab.ts";
import { forgetVisits } from "../images/visit.ts";
import type { Lab } from "../lab/lab.ts";
import { loadLab } from "../lab/load.ts";
import { type Plan, planUp } from "../plan/plan.ts";
import type { Step } from "../plan/step.ts";
import { asOnlyOperation } from "../state/exclusive.ts";
import { type LabRecord, readLabRecord } from "../state/lab-record.ts";
import { SupervisorClient } from "../supervisor/client.ts";
import { markedProcesses } from "../supervisor/marked.ts";
import { UserError } from "../user-error.ts";
import { type ApplyHooks, applySteps, undone } from "./apply.ts";
import type { ApplyContext } from "./context.ts";
import { allServe, restartTroubled } from "./daemon-steps.ts";
import { checkPools, checkPortal, preflight } from "./preflight.ts";
import { UndoStack } from "./undo-stack.ts";

export interface UpOptions {
  /** Absolute path. */
  readonly state: string;
  readonly labFile: string;
  readonly prune?: boolean;
  readonly cacheDir: string;
  readonly signal: AbortSignal;
  readonly say?: (message: string) => void;
  /** Called once with what will be done, before it is begun. */
  readonly onPlan?: (plan: Plan, lab: Lab) => void;
  readonly hooks?: ApplyHooks;
  /** Called when a step has failed, while all that was done is still there. */
  readonly beforeUndo?: () => Promise<void>;
}

/**
 * Makes the running lab have what the file says, all or nothing: where a step fails, or the signal is aborted, all
 * that was done is taken back. Returns when every host of ours sees its disks.
 */
export async function up(options: UpOptions): Promise<Plan> {
  const lab = await loadLab(options.labFile);
  return asOnlyOperation(options.state, async () => {
    const record = await readLabRecord(options.state);
    const context = contextOf(options, record?.lab ?? lab.name);
    try {
      return await upWithin(lab, record, context, options);
    } catch (error) {
      await options.beforeUndo?.();
      throw await undone(error, context);
    }
  });
}

async function upWithin(
  lab: Lab,
  record: LabRecord | undefined,
  context: ApplyContext,
  options: UpOptions,
): Promise<Plan> {
  const foundation: Step[] = record !== undefined && !(await isUp(context)) ? [{ kind: "start-daemons" }] : [];
  if (record !== undefined && foundation.length > 0) await checkPortals(lab, record);
  // The tables of a lab that was stopped can only be read through its controller.
  await applySteps(foundation, context, options.hooks);
  if (record !== undefined) await forgetVisits(context);
  const running = await runningLab(record, context);
  const plan = planUp(lab, running, options);
  if (plan.conflicts.length > 0) throw conflictError(lab, plan.conflicts);
  await preflight(plan.steps);
  await assertWhole(running, context);
  options.onPlan?.({ ...plan, steps: [...foundation, ...plan.steps] }, lab);
  await applySteps(plan.steps, context, options.hooks);
  context.undo.clear();
  return { ...plan, steps: [...foundation, ...plan.steps] };
}

/** What is there already must be as it should, since nothing in the plan would mend it: the devices, and the agents. */
async function assertWhole({ pools, agents }: RunningLab, context: ApplyContext): Promise<void> {
  await checkPools(pools);
  await restartTroubled(agents, context);
  await allServe(agents, context);
}

/** The steps that `up` would do. A lab that is stopped is started for it, and stopped again. */
export async function planFor(options: UpOptions): Promise<Plan> {
  const lab = await loadLab(options.labFile);
  return asOnlyOperation(options.state, async () => {
    const record = await readLabRecord(options.state);
    const context = contextOf(options, record?.lab ?? lab.name);
    try {
      const foundation: Step[] = record !== undefined && !(await isUp(context)) ? [{ kind: "start-daemons" }] : [];
      await applySteps(foundation, context);
      const plan = planUp(lab, await runningLab(record, context), options);
      if (plan.conflicts.length > 0) throw conflictError(lab, plan.conflicts);
      return { ...plan, steps: [...foundation, ...plan.steps] };
    } finally {
      await context.undo.undoAll();
    }
  });
}

/** The agents of a lab that is stopped are started as one with it: their ports are looked at while none of them is there. */
async function checkPortals(lab: Lab, record: LabRecord): Promise<void> {
  if ((await markedProcesses(record.id)).length > 0) return;
  for (const agent of lab.agents) await checkPortal(agent);
}

function contextOf(options: UpOptions, lab: string): ApplyContext {
  const { state, cacheDir, signal } = options;
  return {
    state,
    lab,
    cacheDir,
    signal,
    api: new ApiClient(state, signal),
    undoApi: new ApiClient(state),
    supervisor: new SupervisorClient(state),
    undo: new UndoStack(),
    say: options.say ?? (() => {}),
  };
}

async function runningLab(record: LabRecord | undefined, context: ApplyContext): Promise<RunningLab> {
  return record === undefined ? NO_LAB : readRunningLab(context.state, record, context.api);
}

async function isUp({ supervisor, api }: ApplyContext): Promise<boolean> {
  return (await supervisor.status()) !== undefined && (await api.getIfThere("/lab")) !== undefined;
}

function conflictError(lab: Lab, reasons: readonly string[]): UserError {
  if (reasons.length === 1 && reasons[0] !== undefined) return new UserError("LAB_CONFLICT", reasons[0]);
  const sentence = `The lab file ${lab.file} asks for ${reasons.length} things that 'up' does not do, and nothing was done:`;
  return new UserError("LAB_CONFLICT", sentence, { details: reasons });
}
