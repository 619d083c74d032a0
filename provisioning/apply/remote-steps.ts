/** Agents of other machines: the controller's door for them, and what one of them needs to join. Nothing is started here. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Agent, JoinDocument, RemoteRequest } from "@sanlab/controller/api/resources.ts";
import type { ApiClient } from "../api/client.ts";
import type { AgentSpec } from "../lab/lab.ts";
import type { StepOf } from "../plan/step.ts";
import { STATE_FILES } from "../state/layout.ts";
import type { ApplyContext } from "./context.ts";
import { creating } from "./remove.ts";

export async function openDoor({ listen }: StepOf<"listen">, context: ApplyContext): Promise<void> {
  await creating(context, "listen on this machine only", "/remote", () =>
    context.api.put<unknown>("/remote", listen satisfies RemoteRequest),
  );
}

export async function addRemoteAgent(agent: AgentSpec, context: ApplyContext): Promise<void> {
  await creating(context, `delete agent '${agent.name}'`, `/agents/${agent.name}`, () =>
    admitRemoteAgent(context.api, agent, joinFileOf(context.state, agent.name)),
  );
}

/** Lets an agent of another machine in, and writes what it needs to join, which nobody can read a second time. */
export async function admitRemoteAgent(api: ApiClient, spec: AgentSpec, joinFile: string): Promise<Agent> {
  const { lease = {}, remote: _, ...request } = spec;
  const added = await api.post<Agent & { readonly join: JoinDocument }>("/agents", { ...request, remote: lease });
  const { join: document, ...agent } = added;
  await writeFile(joinFile, `${JSON.stringify(document, undefined, 2)}\n`, { mode: 0o600 });
  return agent;
}

/** Where it is, unless it was to be elsewhere. */
export function joinFileOf(state: string, agent: string): string {
  return join(state, STATE_FILES.agents, `${agent}.join`);
}
