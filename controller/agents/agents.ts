/** All agents, as the rest of the controller sees them: who is let in, what each is told, and going on without the lost (`spec.md`, Lost agents). */
import type { Hello, Listening, ToController } from "node-iscsi-target/mapping/protocol.ts";
import { Admission } from "./admission.ts";
import type { AgentSession, Connection, Outgoing } from "./agent-session.ts";
import { Deliveries } from "./delivery.ts";
import { Fencing } from "./fencing.ts";
import { type AgentsOptions, Roster } from "./roster.ts";

export class Agents {
  readonly #roster: Roster;
  readonly #fencing: Fencing;
  readonly #deliveries: Deliveries;
  readonly #admission: Admission;

  constructor(options: AgentsOptions) {
    this.#roster = new Roster(options);
    this.#fencing = new Fencing(this.#roster);
    this.#deliveries = new Deliveries(this.#roster, this.#fencing);
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

  /** To all agents of a table but `except`, by record, connected or not; resolved when each has acknowledged or is fenced. */
  toTable(table: string, message: Outgoing, except?: string): Promise<void> {
    return this.#deliveries.toTable(table, message, except);
  }

  /** Resolved when it has acknowledged or is fenced. */
  toAgent(name: string, message: Outgoing): Promise<void> {
    return this.#deliveries.toAgent(name, message);
  }

  listening(name: string, message: Listening): Promise<void> {
    return this.#roster.listening(name, message);
  }

  /** The agent is no part of the lab any more: fenced where it still runs. */
  async remove(name: string): Promise<void> {
    const session = this.#roster.session(name);
    if (session !== undefined) await this.#fencing.fence(name, session);
    this.#roster.forget(name);
  }
}

export type FromAgent = Exclude<ToController, Hello>;
