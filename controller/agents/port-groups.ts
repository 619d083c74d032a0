/** What the agents' target port groups can do (ALUA, SPC-4 5.15), for all agents to report: those of lost agents are unavailable. */
import type { PortGroup } from "node-iscsi-target/mapping/protocol.ts";
import type { AgentRecord } from "../records.ts";
import { targetName } from "./admission.ts";
import type { Leases } from "./leases.ts";
import type { Roster } from "./roster.ts";

export class PortGroups {
  readonly #roster: Roster;
  readonly #leases: Leases;
  readonly #publish: () => void;
  #published = "";
  #cancel: () => void = () => undefined;

  /** `publish` brings every agent to what `all` says. */
  constructor(roster: Roster, leases: Leases, publish: () => void) {
    this.#roster = roster;
    this.#leases = leases;
    this.#publish = publish;
  }

  all(): PortGroup[] {
    return this.#roster.options.records.agents.values().map((record) => ({
      portGroup: record.relativePortId,
      relativePortId: record.relativePortId,
      targetName: targetName(this.#roster.options.lab.name, record.name),
      state: this.#isServing(record) ? "active" : "unavailable",
    }));
  }

  /** Something has happened that may have changed them. */
  refresh(): void {
    this.#cancel();
    const states = JSON.stringify(this.all());
    const isNew = states !== this.#published;
    this.#published = states;
    if (isNew) this.#publish();
    const remaining = this.#roster.options.records.agents.values().map((record) => this.#leases.remainingMs(record));
    const nextMs = Math.min(...remaining.filter((ms) => ms > 0));
    if (Number.isFinite(nextMs)) this.#cancel = this.#roster.options.clock.after(nextMs, () => this.refresh());
  }

  /** An agent that is fenced by kill serves as long as it lives, however long nobody hears of it. */
  #isServing(record: AgentRecord): boolean {
    if (record.ended || record.incarnation === 0) return false;
    return record.remote === undefined || this.#leases.remainingMs(record) > 0;
  }
}
