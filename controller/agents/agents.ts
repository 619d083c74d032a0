/** All agents, as the rest of the controller sees them: who is let in, what each is told, and going on without the lost (docs/protocol.md, Lost agents). */
import type { Hello, Listening, Renew, ToController } from "node-iscsi-target/mapping/protocol.ts";
import { Admission } from "./admission.ts";
import type { AgentSession, Connection, Outgoing } from "./agent-session.ts";
import { Deliveries } from "./delivery.ts";
import { Fencing } from "./fencing.ts";
import { PortGroups } from "./port-groups.ts";
import { type AgentsOptions, Roster } from "./roster.ts";

export class Agents {
  readonly #roster: Roster;
  readonly #fencing: Fencing;
  readonly #deliveries: Deliveries;
  readonly #admission: Admission;

  constructor(options: AgentsOptions) {
    this.#roster = new Roster(options);
    this.#fencing = new Fencing(this.#roster);
    this.#deliveries = new Deliveries(this.#roster, this.#fencing, () => ports.all());
    const publish = () => void this.#deliveries.reconcile().catch(options.onBug);
    const ports = new PortGroups(this.#roster, this.#fencing.leases, publish);
    this.#fencing.onChange = () => ports.refresh();
    this.#admission = new Admission(this.#roster, this.#fencing, this.#deliveries);
  }

  get problems(): ReadonlyMap<string, string> {
    return this.#roster.problems;
  }

  session(name: string): AgentSession | undefined {
    return this.#roster.session(name);
  }

  /** The answer to a hello: a session to speak through, or undefined where it was refused. */
  hello(connection: Connection, hello: Hello): Promise<AgentSession | undefined> {
    return this.#admission.hello(connection, hello);
  }

  /** Brings every agent to what the records say; resolved when all have acknowledged or are fenced. */
  reconcile(): Promise<void> {
    return this.#deliveries.reconcile();
  }

  /** As `reconcile`; and those that hold tables, or that may serve any host, and have not been heard of in this epoch are waited for, or fenced. */
  everyone(who: "holding" | "serving" = "holding"): Promise<void> {
    return this.#deliveries.everyone(who);
  }

  /** To all agents of a table but `except`, by record, connected or not; resolved when each has acknowledged or is fenced. */
  toTable(table: string, message: Outgoing, except?: string): Promise<void> {
    return this.#deliveries.toTable(table, message, except);
  }

  /** Resolves when no agent goes by what it had of a table before this epoch. */
  settled(table: string): Promise<unknown> {
    return this.#deliveries.settled(table);
  }

  /** Resolved when it has acknowledged or is fenced. */
  toAgent(name: string, message: Outgoing): Promise<void> {
    return this.#deliveries.toAgent(name, message);
  }

  renew(name: string, session: AgentSession, message: Renew): void {
    this.#fencing.renew(name, session, message);
  }

  farewell(name: string, session: AgentSession): Promise<void> {
    return this.#fencing.ended(name, session);
  }

  listening(name: string, message: Listening): Promise<void> {
    return this.#roster.listening(name, message);
  }

  /** The agent is no part of the lab any more: what it had is taken from it, and it is fenced where it does not give it. */
  async remove(name: string): Promise<void> {
    const session = this.#roster.session(name);
    if (session !== undefined && !session.fenced) await this.#deliveries.release(name, session);
    await this.#fencing.end(name);
    session?.fence();
    this.#roster.forget(name);
  }
}

export type FromAgent = Exclude<ToController, Hello>;
