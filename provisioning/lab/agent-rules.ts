import { LEASE_LIMITS_MS } from "@sanlab/controller/agents/leases.ts";
import { duration } from "node-iscsi-target/injection/values.ts";
import type { Draft } from "./draft.ts";
import { parseEndpoint } from "./endpoint.ts";
import type { Report, Rule } from "./rules.ts";

/** Rules about how agents serve. */
export const AGENT_RULES: readonly Rule[] = [leaseIsInBounds, remoteFindsTheController, listenIsAnAddress];

function leaseIsInBounds(draft: Draft, report: Report): void {
  const { least, most } = LEASE_LIMITS_MS;
  for (const agent of draft.entries("agents")) {
    const text = agent.text("lease");
    const ms = text === undefined ? undefined : duration(text);
    if (ms === undefined || (ms >= least && ms <= most)) continue;
    report([...agent.path, "lease"], `'${text}'`, `from ${least / 1000}s to ${most / 1000}s`);
  }
}

function remoteFindsTheController(draft: Draft, report: Report): void {
  if (draft.listen !== undefined) return;
  for (const agent of draft.entries("agents")) {
    if (!agent.flag("remote")) continue;
    const expected = "the key 'listen' in the file, which says where it reaches the controller";
    report([...agent.path, "remote"], `'true' for agent '${agent.name}'`, expected);
  }
}

/** What looks like an address may still be none, such as 300.0.0.1. */
function listenIsAnAddress({ listen }: Draft, report: Report): void {
  const text = listen?.text("address");
  if (text === undefined || parseEndpoint(text) !== undefined) return;
  report(["listen", "address"], `'${text}'`, "a numeric address with a port, such as 192.0.2.1:7443");
}
