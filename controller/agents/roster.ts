/** What the controller knows of its agents: sessions of this epoch, and grants on record. One change of an agent at a time. */
import type { Listening } from "node-iscsi-target/mapping/protocol.ts";
import type { Clock } from "../clock.ts";
import type { AgentRecord, AllRecords, LabRecord } from "../records.ts";
import type { Store } from "../store/store.ts";
import type { AgentSession } from "./agent-session.ts";
import type { Fencer } from "./fencer.ts";
import type { Item } from "./publication.ts";

export interface AgentsOptions {
  readonly store: Store;
  readonly records: AllRecords;
  readonly lab: LabRecord;
  readonly fencer: Fencer;
  readonly clock: Clock;
  /** How long an agent may take to acknowledge before it is fenced, ms. */
  readonly drainLimitMs: number;
  readonly log: (line: string) => void;
  /** An agent's process is let in: what earlier ones left is over. */
  readonly onBegin: (name: string, session: AgentSession) => void;
  /** An agent gets a table, one that it had not before or has outlived a controller with; what is delivered here comes before any use of it. */
  readonly onTable: (name: string, session: AgentSession, table: string, joins: boolean) => void;
  /** Some agent has what it is to have. */
  readonly onConclusion: () => void;
  readonly onBug: (error: unknown) => void;
}

/** What was sent, as it was sent. */
export interface Had {
  readonly item: Item;
  readonly sent: string;
  /** The agent could not do it. */
  failed?: boolean;
}

export interface Known {
  readonly session: AgentSession;
  /** What was sent in this session, by key, as it was sent. */
  readonly has: Map<string, Had>;
  /** Tables that were taken from it, and how many of these messages it has not acknowledged. */
  readonly leaving: Map<string, number>;
}

export class Roster {
  readonly options: AgentsOptions;
  readonly known = new Map<string, Known>();
  /** Why an agent could not do what it was told, by its name. */
  readonly problems = new Map<string, string>();
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(options: AgentsOptions) {
    this.options = options;
  }

  record(name: string): AgentRecord | undefined {
    return this.options.records.agents.get(name);
  }

  save(record: AgentRecord): Promise<void> {
    return this.options.records.agents.save(this.options.store, record.name, record);
  }

  session(name: string): AgentSession | undefined {
    return this.known.get(name)?.session;
  }

  /** Grants are on record before they are given, and until they are taken back. */
  async recordTables(name: string, tables: readonly string[]): Promise<void> {
    const record = this.record(name);
    if (record === undefined || record.ended || JSON.stringify(record.tables) === JSON.stringify(tables)) return;
    await this.save({ ...record, tables });
  }

  listening(name: string, message: Listening): Promise<void> {
    return this.inTurn(name, async () => {
      const record = this.record(name);
      if (record === undefined || record.sticky === message.port) return;
      await this.save({ ...record, sticky: message.port });
    });
  }

  forget(name: string): void {
    this.known.delete(name);
    this.problems.delete(name);
  }

  /** One change of an agent's incarnation or tables at a time. */
  inTurn<T>(name: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(name) ?? Promise.resolve()).then(work, work);
    this.#turns.set(name, turn);
    return turn;
  }
}
