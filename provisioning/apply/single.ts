import type { Agent } from "@sanlab/controller/api/resources.ts";
import { ApiClient } from "../api/client.ts";
import { readHostRecord } from "../hosts/record.ts";
import { cacheDirectory } from "../hosts/start.ts";
import { forgetVisits } from "../images/visit.ts";
import type { AgentSpec } from "../lab/lab.ts";
import type { Step } from "../plan/step.ts";
import { asOnlyOperation } from "../state/exclusive.ts";
import { readLabRecord } from "../state/lab-record.ts";
import { SupervisorClient } from "../supervisor/client.ts";
import { ExitCode, UserError } from "../user-error.ts";
import { applySteps, undone } from "./apply.ts";
import type { ApplyContext } from "./context.ts";
import { settleRecordedHost, startRecordedHost, stopRecordedHost } from "./host-steps.ts";
import { preflight } from "./preflight.ts";
import { UndoStack } from "./undo-stack.ts";

/** What single verbs need of their caller. */
export interface SingleOptions {
  readonly state: string;
  readonly signal: AbortSignal;
  readonly note: (text: string) => void;
}

/** `sanlab agent add`: as `up` does it, and taken back where it fails. */
export async function addAgentWith(options: SingleOptions, agent: AgentSpec): Promise<void> {
  await alone(options, async (context) => {
    // The name of an agent that is there would be refused by the controller, but only after its portal was tried.
    const agents = await context.api.get<Agent[]>("/agents");
    if (agents.some(({ name }) => name === agent.name)) {
      throw new UserError("AGENT", `There is an agent '${agent.name}' already: choose another name.`);
    }
    const step: Step = { kind: "add-agent", agent };
    await preflight([step]);
    await applySteps([step], context);
  });
}

export async function removeAgentWith(options: SingleOptions, agent: string): Promise<void> {
  await alone(options, (context) => applySteps([{ kind: "remove-agent", agent }], context));
}

/** `sanlab host start`: returns when the guest sees its disks. A host that runs is only waited for. */
export async function startHostWith(options: SingleOptions, name: string, isRunning: boolean): Promise<void> {
  await alone(options, async (context) => {
    const record = await readHostRecord(context.state, name);
    if (record === undefined) throw new UserError("HOST", `There is no QEMU host '${name}' to start.`);
    if (!isRunning) await startRecordedHost({ ...record, wanted: "running" }, record, context);
    await settleRecordedHost(record, context);
  });
}

export async function stopHostWith(options: SingleOptions, name: string): Promise<void> {
  await alone(options, ({ state }) => stopRecordedHost(state, name));
}

/** `work` as the only operation on the lab, taken back where it fails. */
export async function alone(options: SingleOptions, work: (context: ApplyContext) => Promise<void>): Promise<void> {
  const { state, signal, note } = options;
  const record = await readLabRecord(state);
  if (record === undefined) throw noLab(state);
  await asOnlyOperation(state, async () => {
    const context: ApplyContext = {
      state,
      signal,
      lab: record.lab,
      say: note,
      api: new ApiClient(state, signal),
      undoApi: new ApiClient(state),
      supervisor: new SupervisorClient(state),
      cacheDir: cacheDirectory(),
      undo: new UndoStack(),
    };
    try {
      await forgetVisits(context);
      await work(context);
    } catch (error) {
      throw await undone(error, context);
    }
  });
}

function noLab(state: string): UserError {
  return new UserError(
    "NOT_RUNNING",
    `There is no lab in ${state}: start one with 'sanlab up', or name its state directory with --state.`,
    {
      exitCode: ExitCode.NOT_RUNNING,
    },
  );
}
