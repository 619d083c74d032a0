/** Asymmetric access states set from here, as an array does that moves its units by itself (implicit ALUA, SPC-4 5.15.2.2). */
import type { ControllerCore } from "../core.ts";
import { notFound } from "../user-error.ts";

/** ASYMMETRIC ACCESS STATE (SPC-4 6.37, table 335) by the name that people use. */
const STATES = { optimized: null, "non-optimized": 1, standby: 2, unavailable: 3 } as const;
export type AccessName = keyof typeof STATES;
export const ACCESS_NAMES = Object.keys(STATES) as AccessName[];

/** Resolves when every agent has carried it out; hosts are told by unit attention. */
export async function setAccess(
  core: ControllerCore,
  agent: string,
  state: AccessName,
): Promise<{ agent: string; state: AccessName }> {
  const record = core.records.agents.get(agent);
  if (record === undefined) throw notFound("agent", agent);
  await core.units.setPortGroup(record.relativePortId, STATES[state]);
  return { agent, state };
}
