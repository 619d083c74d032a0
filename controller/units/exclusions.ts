/**
 * Segments that one agent has to itself for a moment (`mapping/messages/exclusions.ts`). Nothing of
 * it is durable: an exclusion ends with the epoch, and who held for it goes on holding until every
 * agent of the table is in the new one.
 */
import { MAX_TABLE_SEGMENTS } from "node-iscsi-target/mapping/entry.ts";
import type { Exclude, Holding, Readmit, Unmap } from "node-iscsi-target/mapping/protocol.ts";
import type { AgentSession } from "../agents/agent-session.ts";
import type { Agents } from "../agents/agents.ts";
import type { Clock } from "../clock.ts";
import type { AllRecords } from "../records.ts";

export interface ExclusionsOptions {
  readonly agents: Agents;
  readonly records: AllRecords;
  readonly clock: Clock;
  readonly epoch: number;
  /** How long one may last before its agent has to show that it lives, ms. */
  readonly limitMs: number;
  readonly onBug: (error: unknown) => void;
}

interface Exclusion {
  readonly hold: string;
  readonly agent: string;
  readonly session: AgentSession;
  readonly table: string;
  readonly request: number;
  readonly first: number;
  readonly last: number;
  /** The others are told to hold; resolved when they do. */
  begun: Promise<void> | undefined;
  /** They hold; it waits for unmaps that came before, or has been granted. */
  stage: "asked" | "held" | "granted";
  stopWatching: () => void;
}

export class Exclusions {
  readonly #options: ExclusionsOptions;
  /** By age: of two that overlap, the older comes first. */
  readonly #all = new Set<Exclusion>();
  #count = 0;
  /** Unmaps that agents have asked for, each until it has been answered: as they came, since a repeated one is there twice. Undefined: who has asked does not wait for it any more. */
  readonly #unmaps = new Map<Unmap, AgentSession | undefined>();
  /** Who was told to be alone with a table. */
  readonly #alone = new Map<string, AgentSession>();
  /** Somebody was not told yet, since an unmap is not over of an agent that has the table no more, or has got it anew. */
  #isAloneLate = false;

  constructor(options: ExclusionsOptions) {
    this.#options = options;
  }

  exclude(agent: string, session: AgentSession, { table, request, first, count }: Exclude): void {
    if (this.#find(session, table, request) !== undefined) return;
    const exclusion: Exclusion = {
      hold: this.#nextHold(),
      agent,
      session,
      table,
      request,
      first,
      last: first + count - 1,
      begun: undefined,
      stage: "asked",
      stopWatching: () => undefined,
    };
    this.#all.add(exclusion);
    void session.ended.then(() => this.#end(exclusion));
    this.#beginNext();
  }

  /**
   * An unmap is carried out before segments are granted to somebody, or is void until he has given them
   * back, but never in between. So who holds need not wait for it, and it waits for nobody that has been granted them.
   */
  admits(session: AgentSession, unmap: Unmap): boolean {
    for (const exclusion of this.#all) if (exclusion.stage === "granted" && meets(exclusion, unmap)) return false;
    this.#unmaps.set(unmap, session);
    return true;
  }

  /** An unmap that was admitted is over. */
  unmapped(unmap: Unmap): void {
    if (!this.#unmaps.delete(unmap)) return;
    for (const exclusion of this.#all)
      if (exclusion.stage === "held" && meets(exclusion, unmap)) this.#grant(exclusion);
    if (this.#isAloneLate) this.#tellAlone();
  }

  readmit(session: AgentSession, { table, request }: Readmit): void {
    const exclusion = this.#find(session, table, request);
    if (exclusion !== undefined) this.#end(exclusion);
    void session.deliver({ type: "readmitted", table, request });
  }

  /** Holds of an earlier epoch end when no agent goes on as in that epoch any more: all have acknowledged in this one, or are fenced. */
  holding(session: AgentSession, { table, holds }: Holding): void {
    const nothing = { type: "unhold", table, hold: "" } as const;
    const work = this.#options.agents.toTable(table, nothing).then(() => {
      for (const hold of holds) void session.deliver({ type: "unhold", table, hold });
    });
    work.catch(this.#options.onBug);
  }

  /**
   * An agent has a table: what it must not touch now is said before it can. Where it had not had it
   * before, it touches nothing until whoever was alone with it knows.
   */
  has(agent: string, session: AgentSession, table: string, joins: boolean): void {
    for (const exclusion of this.#all) {
      if (exclusion.begun && exclusion.table === table && exclusion.session !== session)
        void session.deliver(holdOf(exclusion));
    }
    if (!joins) return;
    // What it had asked for before the table was taken from it, it has forgotten.
    for (const [unmap, by] of this.#unmaps)
      if (by === session && unmap.table === table) this.#unmaps.set(unmap, undefined);
    const hold = this.#nextHold();
    void session.deliver({ type: "hold", table, hold, first: 0, count: MAX_TABLE_SEGMENTS });
    this.#alone.delete(table);
    const work = this.#options.agents.toTable(table, { type: "alone", table, alone: false }, agent).then(() => {
      void session.deliver({ type: "unhold", table, hold });
      this.#tellAlone();
    });
    work.catch(this.#options.onBug);
  }

  /** Some agent has got what it is to have, or has given up the rest: with a table goes what it had of it to itself. */
  review(): void {
    for (const exclusion of this.#all) {
      const record = this.#options.records.agents.get(exclusion.agent);
      if (record?.tables.includes(exclusion.table) !== true) this.#end(exclusion);
    }
    this.#tellAlone();
  }

  /** Whoever is by the records the only one with a table need not ask. */
  #tellAlone(): void {
    this.#isAloneLate = false;
    const holders = new Map<string, string[]>();
    for (const { name, tables } of this.#options.records.agents.values())
      for (const table of tables) holders.set(table, [...(holders.get(table) ?? []), name]);
    for (const [table, [name, ...others]] of holders) {
      const session = name === undefined || others.length > 0 ? undefined : this.#options.agents.session(name);
      if (session === undefined || session.fenced || this.#alone.get(table) === session) continue;
      const isLate = this.#unmaps.entries().some(([unmap, by]) => unmap.table === table && by !== session);
      this.#isAloneLate ||= isLate;
      if (isLate) continue;
      this.#alone.set(table, session);
      void session.deliver({ type: "alone", table, alone: true });
    }
  }

  #nextHold(): string {
    this.#count += 1;
    return `${this.#options.epoch}.${this.#count}`;
  }

  #find(session: AgentSession, table: string, request: number): Exclusion | undefined {
    return [...this.#all].find((one) => one.session === session && one.table === table && one.request === request);
  }

  #beginNext(): void {
    for (const exclusion of this.#all) {
      if (exclusion.begun || this.#mustWait(exclusion)) continue;
      exclusion.begun = this.#options.agents.toTable(exclusion.table, holdOf(exclusion), exclusion.agent);
      exclusion.begun.then(() => {
        exclusion.stage = "held";
        this.#grant(exclusion);
      }, this.#options.onBug);
    }
  }

  #mustWait(exclusion: Exclusion): boolean {
    for (const older of this.#all) {
      if (older === exclusion) return false;
      if (older.table === exclusion.table && older.first <= exclusion.last && older.last >= exclusion.first)
        return true;
    }
    return false;
  }

  #grant(exclusion: Exclusion): void {
    const { session, table, request } = exclusion;
    if (!this.#all.has(exclusion) || this.#unmaps.keys().some((unmap) => meets(exclusion, unmap))) return;
    exclusion.stage = "granted";
    void session.deliver({ type: "excluded", table, request });
    this.#watch(exclusion);
  }

  /** An agent that has stopped would keep the others waiting for ever: it acknowledges something now and then, or is fenced. */
  #watch(exclusion: Exclusion): void {
    const { agent, table } = exclusion;
    exclusion.stopWatching = this.#options.clock.after(this.#options.limitMs, () => {
      this.#options.agents.toAgent(agent, { type: "unhold", table, hold: "" }).then(() => {
        if (this.#all.has(exclusion)) this.#watch(exclusion);
      }, this.#options.onBug);
    });
  }

  #end(exclusion: Exclusion): void {
    if (!this.#all.delete(exclusion)) return;
    exclusion.stopWatching();
    const { table, hold, agent, begun } = exclusion;
    // Not before the hold: whoever comes back late is told that late, too.
    const unheld = begun?.then(() => this.#options.agents.toTable(table, { type: "unhold", table, hold }, agent));
    unheld?.catch(this.#options.onBug);
    this.#beginNext();
  }
}

function meets({ table, first, last }: Exclusion, unmap: Unmap): boolean {
  return table === unmap.table && first < unmap.first + unmap.count && last >= unmap.first;
}

function holdOf({ table, hold, first, last }: Exclusion) {
  return { type: "hold", table, hold, first, count: last - first + 1 } as const;
}
