/** Agents of other machines: what one of them needs to join, and by what it is let in. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { DEFAULT_LEASE_MS, LEASE_LIMITS_MS } from "../agents/leases.ts";
import type { JoinDocument } from "../api/resources.ts";
import type { ControllerCore } from "../core.ts";
import { Refusal } from "../user-error.ts";
import type { RemoteAgent } from "./record.ts";
import { shareDevices } from "./sharing.ts";

/** Makes the lab ready for an agent of another machine. @throws Refusal where it cannot be, and nothing has changed */
export async function admitRemote(
  core: ControllerCore,
  agent: string,
  { leaseMs = DEFAULT_LEASE_MS }: { readonly leaseMs?: number },
): Promise<{ remote: RemoteAgent; join: JoinDocument }> {
  checkLease(leaseMs);
  if (core.door === undefined) {
    throw new Refusal(
      "not-listening",
      "The controller listens on this machine only, where an agent of another cannot reach it; first say where it is to listen: sanlab agent listen HOST:PORT.",
    );
  }
  await shareDevices(core);
  const token = randomBytes(32).toString("hex");
  const { url, ca } = core.door;
  return { remote: { leaseMs, tokenHash: hashOf(token) }, join: { agent, controller: url, token, ca } };
}

/** An agent of this machine that is to serve under leases, as if it were elsewhere. */
export function leasedHere({ leaseMs = DEFAULT_LEASE_MS }: { readonly leaseMs?: number }): RemoteAgent {
  checkLease(leaseMs);
  return { leaseMs };
}

function checkLease(leaseMs: number): void {
  const { least, most } = LEASE_LIMITS_MS;
  if (leaseMs >= least && leaseMs <= most) return;
  throw new Refusal("lease", `A lease of ${leaseMs} ms cannot be; choose ${least} to ${most} ms.`, 400);
}

/** Whose token this is; undefined: nobody's. */
export function agentOfToken({ records }: ControllerCore, token: string): string | undefined {
  const given = Buffer.from(hashOf(token));
  const isIts = (hash: string | undefined) => hash !== undefined && timingSafeEqual(given, Buffer.from(hash));
  return records.agents.values().find(({ remote }) => isIts(remote?.tokenHash))?.name;
}

function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
