/** Agents and hosts: no two of one port, portal or name, since whoever asks for one of them would get either. */

import { wwnKey } from "../fabric/wwn.ts";
import type { AgentRecord, HostRecord } from "../records.ts";
import type { Findings } from "./problem.ts";
import type { Stored } from "./stored.ts";

export function agents(stored: Stored, findings: Findings): void {
  const taken = new Map<number, AgentRecord>();
  let next = highestPortId(stored);
  for (const agent of stored.records.agents.values()) {
    const { name, relativePortId } = agent;
    const other = taken.get(relativePortId);
    taken.set(relativePortId, agent);
    // 0: what it said could not be, and that has been told.
    if (other === undefined && relativePortId !== 0) continue;
    next += 1;
    if (other !== undefined) {
      const says = `Agents '${other.name}' and '${name}' have one port id, ${relativePortId}.`;
      findings.add("agent", says, `The port of '${name}' is ${next} from now on; hosts register there anew.`, true);
    }
    stored.save(stored.records.agents, name, { ...agent, relativePortId: next });
  }
  portals(stored, findings);
  processes(stored, findings);
  sharing(stored, findings);
}

/** Also of agents that are gone, whose registrations may still be there: they are not to be another's. */
function highestPortId({ records }: Stored): number {
  const registered = records.units.values().flatMap(({ reservations }) => reservations.registrations);
  return [...records.agents.values(), ...registered].reduce(
    (most, { relativePortId }) => Math.max(most, relativePortId),
    0,
  );
}

function portals(stored: Stored, findings: Findings): void {
  const taken = new Map<string, string>();
  for (const agent of stored.records.agents.values()) {
    const { name, portal } = agent;
    const address = `${portal.host}:${portal.port}`;
    const other = taken.get(address);
    if (other === undefined) {
      if (portal.port !== 0) taken.set(address, name);
      continue;
    }
    const says = `Agents '${other}' and '${name}' have one portal, ${address}.`;
    findings.add("agent", says, `Agent '${name}' takes any free port from now on.`, true);
    stored.save(stored.records.agents, name, { ...agent, portal: { ...portal, port: 0 }, sticky: null });
  }
}

/** Without its process an agent cannot be fenced by kill. */
function processes(stored: Stored, findings: Findings): void {
  const { agents: all } = stored.records;
  for (const agent of all.values()) {
    const { name, incarnation, ended, remote, process } = agent;
    if (process !== null || remote !== undefined || incarnation === 0 || ended === true) continue;
    const says = `Which process is agent '${name}' is not on record.`;
    findings.add("agent", says, "It counts as ended; end it, where it still runs, before the lab starts.");
    stored.save(all, name, { ...agent, ended: true, tables: [] });
  }
}

/** Page caches of two machines do not agree. */
function sharing(stored: Stored, findings: Findings): void {
  const { agents, sharing: records } = stored.records;
  const elsewhere = agents.values().find(({ remote }) => remote?.tokenHash !== undefined);
  if (elsewhere === undefined || records.get("lab")?.direct === true) return;
  findings.add(
    "sharing",
    `Agent '${elsewhere.name}' is on another machine, and devices are said to be used through the page cache.`,
    "They are used past it.",
  );
  stored.save(records, "lab", { direct: true });
}

/** Before exports, which go with their host. */
export function hosts(stored: Stored, findings: Findings): void {
  const { hosts: all } = stored.records;
  const taken = new Map<string, HostRecord>();
  for (const host of all.values()) {
    const other = taken.get(host.iqn);
    taken.set(host.iqn, other ?? host);
    if (other === undefined) continue;
    findings.add(
      "host",
      `Hosts '${other.name}' and '${host.name}' have one initiator name, ${host.iqn}.`,
      `Host '${host.name}' is removed; let it in again by a name of its own.`,
      true,
    );
    stored.drop(all, host.name);
  }
}

/** World-wide names: of somebody who is there, given out by this lab, and nobody else's. */
export function worldWideNames(stored: Stored, findings: Findings): void {
  const { wwns, hosts: all, agents: ports } = stored.records;
  const owners = new Set([
    ...all.values().map(({ name }) => wwnKey("host", name)),
    ...ports.values().map(({ name }) => wwnKey("agent", name)),
  ]);
  const taken = new Map<string, string>();
  for (const [key, { wwnn, wwpn }] of wwns.entries()) {
    const isOwned = owners.has(key);
    const wrong = isOwned ? wrongName(stored, taken, key, [wwnn, wwpn]) : "of which there is none";
    if (wrong === undefined) continue;
    const repair = isOwned
      ? "It gets others at the next start; zones that have it by its old ones do not know it."
      : "Removed.";
    findings.add("wwn", `There are world-wide names of ${nodeText(key)}, ${wrong}.`, repair, isOwned);
    stored.drop(wwns, key);
  }
}

function wrongName(
  stored: Stored,
  taken: Map<string, string>,
  key: string,
  names: readonly string[],
): string | undefined {
  const prefix = `3${stored.lab?.cluster.replaceAll("-", "").slice(0, 6)}`;
  const nextNumber = stored.lab?.nextNumber ?? 0;
  for (const name of names) {
    const other = taken.get(name);
    if (other !== undefined)
      return `one of which, ${name}, ${other === key ? "is there twice" : `is that of ${nodeText(other)}`}`;
    const isOurs = name.startsWith(prefix) && Number.parseInt(name.slice(prefix.length), 16) <= nextNumber;
    if (!isOurs) return `one of which, ${name}, this lab has not given out`;
  }
  for (const name of names) taken.set(name, key);
  return undefined;
}

function nodeText(key: string): string {
  const [kind = "", ...name] = key.split("/");
  return `${kind} '${name.join("/")}'`;
}
