import { LEASE_LIMITS_MS } from "@sanlab/controller/agents/leases.ts";
import { duration } from "node-iscsi-target/injection/values.ts";
import type { Draft } from "./draft.ts";
import type { Report, Rule } from "./rules.ts";

/** Rules about how agents serve. */
export const AGENT_RULES: readonly Rule[] = [leaseIsInBounds];

function leaseIsInBounds(draft: Draft, report: Report): void {
  const { least, most } = LEASE_LIMITS_MS;
  for (const agent of draft.entries("agents")) {
    const text = agent.text("lease");
    const ms = text === undefined ? undefined : duration(text);
    if (ms === undefined || (ms >= least && ms <= most)) continue;
    report([...agent.path, "lease"], `'${text}'`, `from ${least / 1000}s to ${most / 1000}s`);
  }
}
