/** What the controller knows of its agents: sessions of this epoch, and grants on record. One change of an agent at a time. */
import type { Listening } from "node-iscsi-target/mapping/protocol.ts";
import type { Clock } from "../clock.ts";
import type { AgentRecord, AllRecords, LabRecord } from "../records.ts";
import type { Store } from "../store/store.ts";
import type { AgentSession, Delivery } from "./agent-session.ts";
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
  /** What was written to a device is on its medium when this resolves, or it is on record that it may be lost; false: agents that have it open have to say so too, which they have all done where `haveSaid`. */
  readonly onOpened: (device: number, haveSaid?: boolean) => Promise<boolean>;
  /** Some agent has what it is to have. */
  readonly onConclusion: () => void;
  readonly onBug: (error: unknown) => void;
}

/** What was sent, as it was sent. */
export interface Had {
  readonly item: Item;
  readonly sent: string;
  /** Until the agent has said how that went. */
  underWay?: Promise<Delivery> | undefined;
  /** The agent could not do it. */
  failed?: boolean;
  /** A device that others have synced since the agent had opened it: it is told itself of every later sync that fails. */
  isVouchedFor?: boolean;
  /** A device that the agent shows to hosts already: no flush of it succeeds there until the agent is told that it is vouched for. */
  isAwaited?: boolean;
}

export interface Known {
  readonly session: AgentSession;
  /** What was sent in this session, by key, as it was sent. */
  readonly has: Map<string, Had>;
  /** Tables that were taken from it, and how many of these messages it has not acknowledged. */
  readonly leaving: Map<string, number>;
  /** It has outlived a controller, and may have had devices open before this one had. */
  readonly isSurvivor: boolean;
  /** What has waited for devices is being brought. */
  showing?: Promise<void> | undefined;
  /** Devices that it has synced, or is about to, in this epoch. */
  readonly synced: Map<number, Promise<unknown>>;
  /** Devices that were taken from it, until it has acknowledged that: it may have them open. */
  readonly removals: Set<Promise<Delivery>>;
}

export class Roster {
  readonly options: AgentsOptions;
  readonly known = new Map<string, Known>();
  /** Why an agent could not do what it was told, by its name. */
  readonly problems = new Map<string, string>();
  readonly #turns = new Map<string, Promise<unknown>>();
  readonly #writes = new Map<string, Promise<unknown>>();

  constructor(options: AgentsOptions) {
    this.options = options;
  }

  record(name: string): AgentRecord | undefined {
    return this.options.records.agents.get(name);
  }

  /**
   * One write of a record after another, each of what the one before it left: what an agent has and that it was fenced
   * may be recorded at once, and neither may undo the other. `next` returns what is to be kept, or undefined for no change.
   * Resolves to what was kept, undefined where nothing was or the agent has been removed.
   */
  change(name: string, next: (present: AgentRecord) => AgentRecord | undefined): Promise<AgentRecord | undefined> {
    const write = async () => {
      const present = this.record(name);
      const changed = present && next(present);
      if (changed !== undefined) await this.options.records.agents.save(this.options.store, name, changed);
      return changed;
    };
    const written = (this.#writes.get(name) ?? Promise.resolve()).then(write, write);
    this.#writes.set(name, written);
    return written;
  }

  session(name: string): AgentSession | undefined {
    return this.known.get(name)?.session;
  }

  /** Grants are on record before they are given, and until they are taken back. */
  async recordTables(name: string, tables: readonly string[]): Promise<void> {
    await this.change(name, (present) => {
      const isChange = !present.ended && JSON.stringify(present.tables) !== JSON.stringify(tables);
      return isChange ? { ...present, tables } : undefined;
    });
  }

  async listening(name: string, message: Listening): Promise<void> {
    await this.inTurn(name, () =>
      this.change(name, (present) =>
        present.sticky === message.port ? undefined : { ...present, sticky: message.port },
      ),
    );
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
