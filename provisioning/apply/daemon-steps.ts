import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Agent, Endpoint, Fault, Lab, Pool } from "@sanlab/controller/api/resources.ts";
import { tailLines } from "@sanlab/vm/console.ts";
import { parseFault } from "node-iscsi-target/injection/parse.ts";
import { parseEndpoint } from "../lab/endpoint.ts";
import type { StepOf } from "../plan/step.ts";
import { readJson } from "../state/json-file.ts";
import { createLabRecord, readLabRecord } from "../state/lab-record.ts";
import { agentLockFile, agentProcess, CONTROLLER_PROCESS, logFile, STATE_FILES } from "../state/layout.ts";
import { assertSpace } from "../state/space.ts";
import { agentDaemon, controllerDaemon } from "../supervisor/daemons.ts";
import { markedProcesses } from "../supervisor/marked.ts";
import type { DaemonStatus } from "../supervisor/supervisor.ts";
import { UserError } from "../user-error.ts";
import type { ApplyContext } from "./context.ts";
import { listeningPorts } from "./listening.ts";
import { checkPools, checkPortal } from "./preflight.ts";
import { addRemoteAgent } from "./remote-steps.ts";
import { creating, deleteIfThere } from "./remove.ts";
import { until } from "./wait.ts";

const CONTROLLER_TIMEOUT_MS = 60_000;
const AGENT_TIMEOUT_MS = 60_000;
/** After this long, and then this often, it is asked what keeps an agent: trying its port at once could itself keep it. */
const PATIENCE_MS = 3_000;
/** Of a log, where it is shown. */
const LOG_LINES = 10;
/** A daemon that ended this often on its way up will not come up. */
const MAX_ENDS = 3;

export async function createState(step: StepOf<"create-state">, context: ApplyContext): Promise<void> {
  context.undo.push(`remove ${context.state}`, () => rm(context.state, { recursive: true, force: true }));
  await createLabRecord(context.state, step.lab);
}

/** Starts supervisor and controller, and with them the agents that were there before; waits for them all. */
export async function startDaemons(_step: StepOf<"start-daemons">, context: ApplyContext): Promise<void> {
  const record = await readLabRecord(context.state);
  const wasAlive = record !== undefined && (await markedProcesses(record.id)).length > 0;
  // Daemons that outlived their supervisor were there before: taken back is only what was started here.
  if (!wasAlive) context.undo.push("stop the daemons", () => context.supervisor.stop());
  if ((await context.supervisor.status()) === undefined) await context.supervisor.start();
  const { name, args } = controllerDaemon(context.state, context.lab);
  await context.supervisor.put(name, args);
  await controllerAnswers(context);
  await checkPools(await context.api.get<Pool[]>("/pools"));
  const agents = (await context.api.get<Agent[]>("/agents")).filter(isOurs);
  for (const agent of agents) {
    const daemon = agentDaemon(context.state, agent.name, agent.fence);
    await context.supervisor.put(daemon.name, daemon.args);
  }
  await allServe(agents, context);
}

/** Faults with which an agent does not serve, and is not to. */
const KEPT_DOWN: readonly string[] = ["portal-down", "agent-pause", "agent-cut"];

/** Whether it runs on this machine, kept alive by the lab's supervisor. */
function isOurs({ elsewhere }: Agent): boolean {
  return !elsewhere;
}

/** Those of this machine that no fault on demand keeps from serving. */
async function servable(all: readonly Agent[], { api }: ApplyContext): Promise<readonly Agent[]> {
  const agents = all.filter(isOurs);
  if (agents.length === 0) return [];
  const faults = await api.get<Fault[]>("/faults");
  const down = faults
    .filter(({ state, effect }) => state === "active" && KEPT_DOWN.includes(effect))
    .flatMap(({ text }) => parseFault(text).on.agent ?? []);
  return agents.filter(({ name }) => !down.includes(name));
}

/**
 * Starts those anew that cannot serve all that they should: what kept them from it, such as a device that had vanished,
 * may be gone, and they look only when they start.
 */
export async function restartTroubled(agents: readonly Agent[], context: ApplyContext): Promise<void> {
  for (const { name, problem, incarnation } of agents.filter(isOurs)) {
    if (problem === null) continue;
    context.say(`start agent '${name}' anew, which could not serve all that it should`);
    await context.supervisor.signal(agentProcess(name), "SIGKILL");
    await until(
      async () => {
        const agent = await context.api.getIfThere<Agent>(`/agents/${name}`);
        return agent !== undefined && agent.incarnation !== incarnation ? agent : undefined;
      },
      { timeoutMs: AGENT_TIMEOUT_MS, signal: context.signal, late: () => lateAgent(name, context.state) },
    );
  }
}

/** Returns when all these agents serve. Throws where one cannot, and says why. */
export async function allServe(agents: readonly Agent[], context: ApplyContext): Promise<void> {
  const expected = await servable(agents, context);
  await Promise.all(expected.map(({ name, leaseMs }) => agentServes(name, context, leaseMs ?? 0)));
}

export async function addAgent({ agent }: StepOf<"add-agent">, context: ApplyContext): Promise<void> {
  if (agent.remote) return addRemoteAgent(agent, context);
  const { name } = agent;
  await creating(context, `delete agent '${name}'`, `/agents/${name}`, () => context.api.post("/agents", agent));
  context.undo.push(`stop agent '${name}'`, () => stopAgent(name, context));
  const daemon = agentDaemon(context.state, name, agent.lease === undefined ? "kill" : "lease");
  await context.supervisor.put(daemon.name, daemon.args);
  await agentServes(name, context);
}

export async function removeAgent({ agent }: StepOf<"remove-agent">, context: ApplyContext): Promise<void> {
  await stopAgent(agent, context);
  await deleteIfThere(context.api, `/agents/${agent}`);
}

async function stopAgent(name: string, context: ApplyContext): Promise<void> {
  await context.supervisor.remove(agentProcess(name));
  await rm(agentLockFile(context.state, name), { force: true });
}

/** The endpoint file may be that of a controller that was killed: it is believed when its process is the present one. */
async function controllerAnswers(context: ApplyContext): Promise<void> {
  const watch = new EndWatch(CONTROLLER_PROCESS, context);
  await until(
    async () => {
      const daemon = await watch.look();
      const endpoint = await readJson<Endpoint>(join(context.state, STATE_FILES.endpoint));
      if (endpoint === undefined || endpoint.pid !== daemon?.pid) return undefined;
      return context.api.getIfThere<Lab>("/lab");
    },
    {
      timeoutMs: CONTROLLER_TIMEOUT_MS,
      signal: context.signal,
      late: () =>
        new UserError(
          "CONTROLLER",
          `The controller did not answer within ${CONTROLLER_TIMEOUT_MS / 1000} s: see 'sanlab logs controller'.`,
        ),
    },
  );
}

/** Returns when the agent is connected to the controller, has all that it is to serve, and listens. An earlier lease of its has to be over first. */
async function agentServes(name: string, context: ApplyContext, leaseMs = 0): Promise<void> {
  const timeoutMs = AGENT_TIMEOUT_MS + 2 * leaseMs;
  const watch = new EndWatch(agentProcess(name), context);
  const impatientMs = performance.now() + PATIENCE_MS;
  await until(
    async () => {
      const daemon = await watch.look();
      const agent = await context.api.getIfThere<Agent>(`/agents/${name}`);
      if (agent?.state === "connected") {
        if (agent.problem !== null) throw await cannotServe(name, agent.problem, context.state);
        if (await isListening(agent, daemon?.pid)) return agent;
      }
      if (performance.now() > impatientMs) await findReason(agent, context);
      return undefined;
    },
    {
      timeoutMs,
      signal: context.signal,
      late: () => lateAgent(name, context.state, timeoutMs),
    },
  );
}

async function lateAgent(name: string, state: string, timeoutMs = AGENT_TIMEOUT_MS): Promise<UserError> {
  const seconds = timeoutMs / 1000;
  const details = await endOfLog(state, agentProcess(name));
  return new UserError("AGENT", `Agent '${name}' did not come up within ${seconds} s: the end of its log follows.`, {
    details,
  });
}

async function cannotServe(name: string, problem: string, state: string): Promise<UserError> {
  const details = await endOfLog(state, agentProcess(name));
  return new UserError("AGENT", `Agent '${name}' cannot serve all that it should: ${problem}`, { details });
}

/** What is left of a daemon when `up` has taken all back. */
async function endOfLog(state: string, name: string): Promise<string[]> {
  return (await tailLines(logFile(state, name), LOG_LINES)).map((line) => `log: ${line}`);
}

/** Throws what keeps an agent from coming up, where that is to be seen from here. */
async function findReason(agent: Agent | undefined, { state, signal }: ApplyContext): Promise<void> {
  if (agent?.state === "connected") await checkPortal({ name: agent.name, portal: agent.configured });
  // The controller admits no agent, and takes no portal, that it cannot record.
  await assertSpace(state);
  await delay(PATIENCE_MS, undefined, { signal });
}

/** Whether the agent's own process listens at its portal: another program may have taken the port meanwhile. */
async function isListening({ portal }: Agent, pid: number | null | undefined): Promise<boolean> {
  const port = parseEndpoint(portal)?.port ?? 0;
  return typeof pid === "number" && port !== 0 && (await listeningPorts(pid)).has(port);
}

/** Looks after a daemon that is waited for: one that ends again and again will not come up. */
class EndWatch {
  readonly #name: string;
  readonly #context: ApplyContext;
  /** Of earlier times, which say nothing about now. */
  #restartsBefore: number | undefined;

  constructor(name: string, context: ApplyContext) {
    this.#name = name;
    this.#context = context;
  }

  async look(): Promise<DaemonStatus | undefined> {
    const { supervisor, state } = this.#context;
    const daemon = (await supervisor.status())?.daemons.find(({ name }) => name === this.#name);
    if (daemon === undefined) return undefined;
    this.#restartsBefore ??= daemon.restarts;
    if (daemon.restarts - this.#restartsBefore < MAX_ENDS) return daemon;
    await assertSpace(state);
    const isController = this.#name === CONTROLLER_PROCESS;
    const what = isController ? "The controller" : `The agent '${this.#name.replace(/^agent-/, "")}'`;
    const unexplained = `${what} ended again and again with ${daemon.lastEnd}: the end of its log follows.`;
    const told = await lastWords(state, this.#name);
    if (told !== undefined) throw new UserError("REFUSED", told);
    throw new UserError("REFUSED", unexplained, { details: await endOfLog(state, this.#name) });
  }
}

/** The sentence with which a daemon ended, where its last line is one: daemons end with `sanlab: SENTENCE`. */
async function lastWords(state: string, name: string): Promise<string | undefined> {
  const lines = await tailLines(logFile(state, name), 20);
  return lines.findLast((line) => line.startsWith("sanlab: "))?.slice("sanlab: ".length);
}
