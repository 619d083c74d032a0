/** Faults on demand: recorded, brought to the agents, and counted there. */

import { normalFault, parseFault } from "node-iscsi-target/injection/parse.ts";
import type { Bound, InjectionRule, Selection } from "node-iscsi-target/injection/rule.ts";
import type { AgentCounters, Repaired } from "node-iscsi-target/mapping/protocol.ts";
import { UserError } from "node-iscsi-target/storage/user-error.ts";
import type { Fault, FaultRequest } from "../api/resources.ts";
import type { ControllerCore } from "../core.ts";
import { askAgents } from "../server/questions.ts";
import { notFound, Refusal } from "../user-error.ts";
import { actionsOf, isEvent } from "./actions.ts";
import { NO_POWER } from "./host-power.ts";
import { devicesNamed } from "./item.ts";
import type { InjectionRecord } from "./record.ts";

const MAX_FAULTS = 1000;

export async function addFault(core: ControllerCore, request: FaultRequest): Promise<Fault> {
  const { injections } = core.records;
  const rule = parsed(request.text);
  checkNames(core, rule.on);
  const name = request.name ?? freeName(core);
  if (injections.has(name)) throw new Refusal("exists", `There is a fault '${name}' already; choose another name.`);
  if (injections.values().length >= MAX_FAULTS) {
    throw new Refusal("too-many", `There are ${MAX_FAULTS} faults already; clear some first.`);
  }
  await checkPower(core, rule);
  await injections.save(core.options.store, name, {
    name,
    text: normalFault(request.text),
    addedAtMs: Date.now(),
    done: false,
  });
  await core.agents.reconcile();
  await actionsOf(core).refresh();
  return describe(core, injections.get(name) as InjectionRecord, []);
}

/** One, or all where none is named. */
export async function clearFaults(core: ControllerCore, name?: string): Promise<void> {
  const { injections } = core.records;
  if (name !== undefined && !injections.has(name)) throw notFound("fault", name);
  const names = name === undefined ? injections.values().map((record) => record.name) : [name];
  for (const each of names) await injections.remove(core.options.store, each);
  // What holds agents up is undone before they are asked to acknowledge.
  await actionsOf(core).refresh();
  await core.agents.reconcile();
}

/** Kept, so that agents that come later know it too. A fault that is gone has nothing to repair. */
export async function recordRepair(core: ControllerCore, { fault, first, last }: Repaired): Promise<void> {
  const record = core.records.injections.get(fault);
  if (record === undefined) return;
  const repaired = [...(record.repaired ?? []), { first, last }];
  await core.records.injections.save(core.options.store, fault, { ...record, repaired });
  await core.agents.reconcile();
}

export async function describeFaults(core: ControllerCore): Promise<Fault[]> {
  const agents = core.records.agents.values().map(({ name }) => name);
  const answers = await askAgents(core, agents, { what: "counters" });
  const records = core.records.injections.values().sort((a, b) => a.addedAtMs - b.addedAtMs);
  return records.map((record) => {
    const counts = answers.flatMap(({ agent, result }) =>
      (result as AgentCounters).injections.flatMap(({ name, matched, fired }) =>
        name === record.name ? [{ agent, matched, fired }] : [],
      ),
    );
    return describe(core, record, counts);
  });
}

function describe(core: ControllerCore, record: InjectionRecord, agents: Fault["agents"]): Fault {
  const { name, text, addedAtMs } = record;
  const rule = parseFault(text);
  const state = stateOf(record, rule);
  const controller = core.deviceFaults.counter(record);
  const sum = (key: "matched" | "fired") =>
    agents.reduce((total, agent) => total + agent[key], controller === undefined ? 0 : controller[key]);
  const atController = agents.length === 0 && (state === "done" || (state !== "waiting" && isAction(rule)));
  const fired = atController ? 1 : sum("fired");
  const matched = atController ? 1 : sum("matched");
  const addedAt = new Date(addedAtMs).toISOString();
  return {
    ...{ name, text, effect: rule.effect.kind, addedAt, state, matched, fired, agents },
    ...(controller && { controller: { matched: controller.matched, fired: controller.fired } }),
  };
}

function isAction({ effect: { kind } }: InjectionRule): boolean {
  return kind === "agent-pause" || kind === "agent-cut" || kind === "pool-full";
}

function stateOf(
  { done, addedAtMs }: InjectionRecord,
  { when: { from, until }, effect }: InjectionRule,
): Fault["state"] {
  if (done) return "done";
  const elapsedMs = Date.now() - addedAtMs;
  const afterMs = (bound: Bound | undefined) => (bound !== undefined && "afterMs" in bound ? bound.afterMs : undefined);
  if (elapsedMs < (afterMs(from) ?? 0)) return "waiting";
  if (isEvent(effect.kind)) return "waiting";
  return elapsedMs > (afterMs(until) ?? Number.POSITIVE_INFINITY) ? "over" : "active";
}

function parsed(text: string): InjectionRule {
  try {
    return parseFault(text);
  } catch (error) {
    if (error instanceof UserError) throw new Refusal("fault-text", error.message, 400);
    throw error;
  }
}

/** A host whose power cannot be cut is refused now: later there is nobody to tell. */
async function checkPower({ options }: ControllerCore, { effect, on }: InjectionRule): Promise<void> {
  if (effect.kind !== "power-cut") return;
  for (const host of on.host ?? []) {
    const problem = await (options.hostPower ?? NO_POWER).check(host);
    if (problem !== undefined) throw new Refusal("host", problem);
  }
}

/** Every name in a fault is one of the lab's. */
function checkNames({ records }: ControllerCore, on: Selection): void {
  for (const kind of ["disk", "agent", "host", "pool"] as const) {
    const unknown = on[kind]?.find((name) => !records[`${kind}s`].has(name));
    if (unknown !== undefined) throw notFound(kind, unknown);
  }
  for (const path of on.path ?? []) {
    const [host = "", agent = ""] = path.split("/");
    if (!records.hosts.has(host)) throw notFound("host", host);
    if (!records.agents.has(agent)) throw notFound("agent", agent);
  }
  const device = on.device?.find((name) => devicesNamed(records, name).length === 0);
  if (device !== undefined) throw notFound("device", device);
}

function freeName({ records }: ControllerCore): string {
  for (let number = 1; ; number += 1) if (!records.injections.has(`fault-${number}`)) return `fault-${number}`;
}
