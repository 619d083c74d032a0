/**
 * Faults that the controller itself carries out: on agents' processes, their channel, pools, and
 * itself. What stands from `from` to `until` is begun and undone here; what happens once is recorded
 * as done before it happens.
 */
import { readFileSync } from "node:fs";
import { parseFault } from "node-iscsi-target/injection/parse.ts";
import type { Bound, EffectKind, InjectionRule } from "node-iscsi-target/injection/rule.ts";
import type { AgentProcess } from "node-iscsi-target/mapping/protocol.ts";
import type { ControllerCore } from "../core.ts";
import { NO_POWER } from "./host-power.ts";
import type { InjectionRecord } from "./record.ts";

/** So that whoever asked for the controller's end still gets an answer. */
const FAREWELL_MS = 50;
const MAX_WAIT_MS = 2 ** 31 - 1;

type Undo = () => void;

/** What stands until it is undone. */
const STATES: {
  readonly [Kind in EffectKind]?: (actions: Actions, core: ControllerCore, rule: InjectionRule) => Undo;
} = {
  "agent-pause": (_, core, { on }) => {
    const processes = processesOf(core, on.agent);
    for (const process of processes) signal(process, "SIGSTOP");
    return () => {
      for (const process of processes) signal(process, "SIGCONT");
    };
  },
  "agent-cut": (actions, _, { on }) => {
    const agents = on.agent ?? [];
    actions.cut(agents);
    return () => actions.join(agents);
  },
  "pool-full": (_, core, { on }) => {
    const undo = (on.pool ?? []).map((pool) => core.space.occupy(pool));
    return () => {
      for (const giveBack of undo) giveBack();
    };
  },
};

/** What happens once. */
const EVENTS: { readonly [Kind in EffectKind]?: (core: ControllerCore, rule: InjectionRule) => Promise<void> | void } =
  {
    "agent-kill": async (core, { on }) => {
      await Promise.all(processesOf(core, on.agent).map((process) => core.options.fencer.fence(process)));
    },
    "power-cut": async (core, { on }) => {
      const power = core.options.hostPower ?? NO_POWER;
      const problems = await Promise.all((on.host ?? []).map((host) => power.cut(host)));
      for (const problem of problems) if (problem !== undefined) core.options.log(problem);
    },
    "controller-kill": (core) => void core.options.clock.after(FAREWELL_MS, () => process.kill(process.pid, "SIGKILL")),
  };

export function isEvent(kind: EffectKind): boolean {
  return kind in EVENTS;
}

export class Actions {
  readonly #core: ControllerCore;
  readonly #standing = new Map<string, Undo>();
  /** How often each agent was cut off: faults may do so together. */
  readonly #cuts = new Map<string, number>();
  readonly #connections = new Map<string, () => void>();
  #cancel: Undo = () => undefined;

  constructor(core: ControllerCore) {
    this.#core = core;
  }

  /** Begins and undoes what the records say now, and looks again when the next `from` or `until` comes. */
  async refresh(): Promise<void> {
    this.#cancel();
    const nowMs = Date.now();
    const records = this.#core.records.injections.values();
    for (const [name, undo] of this.#standing) {
      const record = records.find((one) => one.name === name);
      if (record !== undefined && isOpen(record, nowMs)) continue;
      this.#standing.delete(name);
      undo();
    }
    for (const record of records) if (isOpen(record, nowMs)) await this.#begin(record);
    // What a device did not take back while a fault was there.
    await this.#core.space.releases.finishLeft();
    const nextMs = Math.min(...records.flatMap(boundsOf).filter((atMs) => atMs > nowMs));
    if (!Number.isFinite(nextMs)) return;
    this.#cancel = this.#core.options.clock.after(Math.min(MAX_WAIT_MS, nextMs - nowMs), () => {
      this.#core.administer(() => this.refresh()).catch((error: unknown) => this.#core.bug(error));
    });
  }

  /** Whether an agent is let in; `close` ends its connection when it is cut off later. */
  mayConnect(agent: string, close: () => void): boolean {
    this.#connections.set(agent, close);
    return (this.#cuts.get(agent) ?? 0) === 0;
  }

  cut(agents: readonly string[]): void {
    for (const agent of agents) {
      this.#cuts.set(agent, (this.#cuts.get(agent) ?? 0) + 1);
      this.#connections.get(agent)?.();
    }
  }

  join(agents: readonly string[]): void {
    for (const agent of agents) this.#cuts.set(agent, (this.#cuts.get(agent) ?? 1) - 1);
  }

  async #begin(record: InjectionRecord): Promise<void> {
    const { name, text } = record;
    const rule = parseFault(text);
    const state = STATES[rule.effect.kind];
    // What is only allocated ahead would take writes though the pool is full.
    const full = rule.effect.kind === "pool-full" ? (rule.on.pool ?? []) : [];
    await Promise.all(full.map((pool) => this.#core.ahead.giveBackIn(pool)));
    if (state !== undefined && !this.#standing.has(name)) this.#standing.set(name, state(this, this.#core, rule));
    const event = EVENTS[rule.effect.kind];
    if (event === undefined) return;
    // On record before it happens: a controller that dies of it does not die again.
    await this.#core.records.injections.save(this.#core.options.store, name, { ...record, done: true });
    await event(this.#core, rule);
  }
}

const actions = new WeakMap<ControllerCore, Actions>();

export function actionsOf(core: ControllerCore): Actions {
  const known = actions.get(core) ?? new Actions(core);
  actions.set(core, known);
  return known;
}

function isOpen({ text, addedAtMs, done }: InjectionRecord, nowMs: number): boolean {
  const { from, until } = parseFault(text).when;
  const elapsedMs = nowMs - addedAtMs;
  return !done && elapsedMs >= (afterMs(from) ?? 0) && elapsedMs <= (afterMs(until) ?? Number.POSITIVE_INFINITY);
}

/** When it begins, and the first moment at which it is over. */
function boundsOf({ text, addedAtMs, done }: InjectionRecord): number[] {
  const { from, until } = parseFault(text).when;
  const [fromMs, untilMs] = [afterMs(from), afterMs(until)];
  if (done) return [];
  return [
    ...(fromMs === undefined ? [] : [addedAtMs + fromMs]),
    ...(untilMs === undefined ? [] : [addedAtMs + untilMs + 1]),
  ];
}

function afterMs(bound: Bound | undefined): number | undefined {
  return bound !== undefined && "afterMs" in bound ? bound.afterMs : undefined;
}

function processesOf({ records }: ControllerCore, agents: readonly string[] = []): AgentProcess[] {
  return agents.flatMap((name) => records.agents.get(name)?.process ?? []);
}

/** To the process that was recorded, and to no other that has its number by now. */
function signal({ pid, startTime }: AgentProcess, name: "SIGSTOP" | "SIGCONT"): void {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    if (Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]) === startTime) process.kill(pid, name);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "ESRCH") throw error;
  }
}
