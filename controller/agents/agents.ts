/**
 * All agents: hello, what each is to have, messages to everyone who holds a table, and fencing of
 * those who do not answer (`spec.md`, Lost agents).
 */

import { EntryState } from "node-iscsi-target/mapping/entry.ts";
import type { Ack, Hello, Listening, ToController, Welcome } from "node-iscsi-target/mapping/protocol.ts";
import { PROTOCOL_VERSION } from "node-iscsi-target/mapping/protocol.ts";
import type { AgentRecord, AllRecords, LabRecord } from "../records.ts";
import type { Store } from "../store/store.ts";
import { AgentSession, type Connection, type Delivery, type Outgoing } from "./agent-session.ts";
import type { Fencer } from "./fencer.ts";
import { desired, type Item } from "./publication.ts";

export interface Clock {
  /** Calls back once, after `ms`; the result takes that back. */
  after(ms: number, run: () => void): () => void;
}

export interface AgentsOptions {
  readonly store: Store;
  readonly records: AllRecords;
  readonly lab: LabRecord;
  readonly fencer: Fencer;
  readonly clock: Clock;
  /** How long an agent may take to acknowledge before it is fenced, ms. */
  readonly drainLimitMs: number;
  readonly log: (line: string) => void;
}

interface Known {
  readonly session: AgentSession;
  /** What was sent in this session, by key, as it was sent. */
  readonly has: Map<string, { readonly item: Item; readonly sent: string }>;
}

export class Agents {
  readonly #options: AgentsOptions;
  readonly #known = new Map<string, Known>();
  readonly problems = new Map<string, string>();
  /** One change of an agent's incarnation or tables at a time. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(options: AgentsOptions) {
    this.#options = options;
  }

  session(name: string): AgentSession | undefined {
    return this.#known.get(name)?.session;
  }

  /** The answer to a hello: a session to speak through, or undefined where it was refused. */
  hello(connection: Connection, hello: Hello): Promise<AgentSession | undefined> {
    return this.#inTurn(hello.agent, () => this.#hello(connection, hello));
  }

  async #hello(connection: Connection, hello: Hello): Promise<AgentSession | undefined> {
    const record = this.#options.records.agents.get(hello.agent);
    const refusal =
      record === undefined
        ? `This lab has no agent '${hello.agent}'; add it first.`
        : refusalOf(hello, record, this.#options.lab);
    if (refusal !== undefined || record === undefined) {
      connection.send({ type: "refused", reason: refusal ?? "", fatal: true });
      return undefined;
    }
    const known = this.#known.get(record.name);
    const same = known?.session.envelope.incarnation === hello.incarnation && hello.epoch === this.#options.lab.epoch;
    if (same && known !== undefined && !known.session.fenced) {
      connection.send(this.#welcome(record, known.session));
      known.session.attach(connection);
      return known.session;
    }
    return this.#begin(connection, hello, record);
  }

  /** A fresh process, or one that outlived another controller. */
  async #begin(connection: Connection, hello: Hello, record: AgentRecord): Promise<AgentSession> {
    const fresh = hello.incarnation === 0;
    if (fresh && record.process !== null) await this.#options.fencer.fence(record.process);
    if (fresh) this.#known.get(record.name)?.session.fence();
    const incarnation = fresh ? record.incarnation + 1 : record.incarnation;
    const tables = fresh ? [] : record.tables;
    // Durable before anything is granted to it.
    const next: AgentRecord = { ...record, incarnation, process: hello.process, tables };
    await this.#options.records.agents.save(this.#options.store, record.name, next);
    const { cluster, epoch } = this.#options.lab;
    const known: Known = { session: new AgentSession({ cluster, epoch, incarnation }), has: new Map() };
    this.#known.set(record.name, known);
    this.problems.delete(record.name);
    connection.send(this.#welcome(next, known.session));
    known.session.attach(connection);
    await this.#synchronise(record.name, known, tables);
    return known.session;
  }

  /** First `keep`, then all it is to have; what it kept of tables becomes Inv, drained, before this resolves the wait of others. */
  async #synchronise(name: string, known: Known, tables: readonly string[]): Promise<void> {
    const items = desired(this.#options.records, name);
    const messages = [...items.values()].map(({ add }) => add);
    const deliveries: Promise<Delivery>[] = [];
    deliveries.push(
      known.session.deliver({
        type: "keep",
        devices: messages.flatMap((m) => (m.type === "add_device" ? [m.device] : [])),
        tables: messages.flatMap((m) => (m.type === "create_table" ? [m.table] : [])),
        units: messages.flatMap((m) => (m.type === "publish_unit" ? [m.unit.id] : [])),
        initiators: messages.flatMap((m) => (m.type === "publish_host" ? [m.initiator] : [])),
      }),
    );
    for (const table of tables) deliveries.push(known.session.deliver(forgetAll(table)));
    this.#synchronised.set(known.session, Promise.all(deliveries));
    await this.#bring(name, known, items);
  }

  /** Resolves when an agent that outlived its controller has drained what it had. */
  readonly #synchronised = new WeakMap<AgentSession, Promise<unknown>>();

  /** Brings every agent to what the records say; resolved when all have acknowledged or are fenced. */
  async reconcile(): Promise<void> {
    const agents = this.#options.records.agents.values().filter(({ name }) => this.#known.has(name));
    await Promise.all(agents.map(({ name }) => this.#inTurn(name, () => this.#reconcileOne(name))));
  }

  async #reconcileOne(name: string): Promise<void> {
    const known = this.#known.get(name);
    if (known === undefined || known.session.fenced) return;
    const items = desired(this.#options.records, name);
    const gone = [...known.has].filter(([key]) => !items.has(key)).reverse();
    const deliveries: Promise<Delivery>[] = [];
    // Masks first, so that no host reaches what is taken away next.
    for (const [key, item] of items)
      if (key.startsWith("host/") && known.has.has(key)) deliveries.push(...this.#add(known, key, item));
    for (const [key, { item }] of gone) {
      known.has.delete(key);
      deliveries.push(known.session.deliver(item.remove));
    }
    await this.#bring(name, known, items, deliveries);
    await this.#recordTables(name, tablesOf(items));
  }

  async #bring(name: string, known: Known, items: Map<string, Item>, before: Promise<Delivery>[] = []): Promise<void> {
    const record = this.#options.records.agents.get(name) as AgentRecord;
    await this.#recordTables(name, [...new Set([...record.tables, ...tablesOf(items)])]);
    const deliveries = [...before];
    for (const [key, item] of items) deliveries.push(...this.#add(known, key, item));
    const ended = await this.#limited(name, known.session, Promise.all(deliveries));
    const problem = ended.find((delivery) => typeof delivery === "object");
    if (problem === undefined) this.problems.delete(name);
    else this.problems.set(name, problem.error);
  }

  #add(known: Known, key: string, item: Item): Promise<Delivery>[] {
    const sent = JSON.stringify(item.add);
    const before = known.has.get(key);
    if (before?.sent === sent) return [];
    known.has.set(key, { item, sent });
    const resized = item.add.type === "create_table" && before !== undefined;
    return [known.session.deliver(resized ? resizeOf(item.add) : item.add)];
  }

  /** Grants are on record before they are given, and until they are taken back. */
  async #recordTables(name: string, tables: readonly string[]): Promise<void> {
    const record = this.#options.records.agents.get(name);
    if (record === undefined || JSON.stringify(record.tables) === JSON.stringify(tables)) return;
    await this.#options.records.agents.save(this.#options.store, name, { ...record, tables });
  }

  /** To all agents of a table, by record, connected or not; resolved when each has acknowledged or is fenced. */
  async toTable(table: string, message: Outgoing): Promise<void> {
    const holders = this.#options.records.agents.values().filter(({ tables }) => tables.includes(table));
    await Promise.all(holders.map((record) => this.#toOne(record, message)));
  }

  async #toOne(record: AgentRecord, message: Outgoing): Promise<void> {
    const session = this.#known.get(record.name)?.session ?? (await this.#returned(record));
    if (session === undefined) return;
    const drained = Promise.resolve(this.#synchronised.get(session)).then(() => session.deliver(message));
    await this.#limited(record.name, session, drained);
  }

  /** An agent that has not been heard of in this epoch: waited for, then fenced. */
  async #returned(record: AgentRecord): Promise<AgentSession | undefined> {
    for (let waitedMs = 0; waitedMs < this.#options.drainLimitMs; waitedMs += 100) {
      await new Promise<void>((resolve) => void this.#options.clock.after(100, resolve));
      const session = this.#known.get(record.name)?.session;
      if (session !== undefined) return session;
    }
    await this.#inTurn(record.name, async () => {
      if (this.#known.has(record.name)) return;
      this.#options.log(`agent ${record.name} has not come back; fencing it`);
      if (record.process !== null) await this.#options.fencer.fence(record.process);
      await this.#recordTables(record.name, []);
    });
    return this.#known.get(record.name)?.session;
  }

  /** A drain that outlasts its limit fences the agent. */
  async #limited<T>(name: string, session: AgentSession, work: Promise<T>): Promise<T> {
    const cancel = this.#options.clock.after(this.#options.drainLimitMs, () => void this.fence(name, session));
    try {
      return await work;
    } finally {
      cancel();
    }
  }

  /** Kills the agent's process and goes on without it; a new process begins a new incarnation. */
  async fence(name: string, session: AgentSession): Promise<void> {
    const record = this.#options.records.agents.get(name);
    if (session.fenced || record === undefined || record.incarnation !== session.envelope.incarnation) return;
    this.#options.log(`agent ${name} does not answer; fencing it`);
    if (record.process !== null) await this.#options.fencer.fence(record.process);
    session.fence();
  }

  acknowledged(name: string, ack: Ack): void {
    this.#known.get(name)?.session.acknowledged(ack);
  }

  async listening(name: string, message: Listening): Promise<void> {
    const record = this.#options.records.agents.get(name);
    if (record === undefined || record.sticky === message.port) return;
    await this.#options.records.agents.save(this.#options.store, name, { ...record, sticky: message.port });
  }

  /** The agent is no part of the lab any more: fenced where it still runs. */
  async remove(name: string): Promise<void> {
    const known = this.#known.get(name);
    if (known !== undefined) await this.fence(name, known.session);
    this.#known.delete(name);
    this.problems.delete(name);
  }

  #welcome(record: AgentRecord, session: AgentSession): Welcome {
    const { host, port } = record.portal;
    return {
      type: "welcome",
      ...session.envelope,
      targetName: targetName(this.#options.lab.name, record.name),
      relativePortId: record.relativePortId,
      portGroup: record.relativePortId,
      portal: {
        host,
        port,
        ...(record.sticky === null ? {} : { sticky: record.sticky }),
        ...(record.advertise === null ? {} : { advertise: record.advertise }),
      },
    };
  }

  #inTurn<T>(name: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(name) ?? Promise.resolve()).then(work, work);
    this.#turns.set(name, turn);
    return turn;
  }
}

export function targetName(lab: string, agent: string): string {
  return `iqn.2026-11.io.sanlab:${lab}.${agent}`;
}

function refusalOf(hello: Hello, record: AgentRecord, lab: LabRecord): string | undefined {
  if (hello.protocol !== PROTOCOL_VERSION)
    return `This agent speaks protocol ${hello.protocol}, the controller ${PROTOCOL_VERSION}; run both from one version.`;
  if (hello.incarnation !== 0 && (hello.cluster !== lab.cluster || hello.incarnation !== record.incarnation)) {
    return `This process was incarnation ${hello.incarnation} of agent '${hello.agent}', which was fenced.`;
  }
  return undefined;
}

function forgetAll(table: string): Outgoing {
  const count = 64 * 1024 * 1024;
  return {
    type: "set_entry",
    table,
    first: 0,
    runs: [{ count, states: EntryState.INVALID }],
    blocking: true,
    generation: 0,
  };
}

function resizeOf(create: Outgoing & { type: "create_table" }): Outgoing {
  return { type: "resize_table", table: create.table, sizeBytes: create.sizeBytes };
}

function tablesOf(items: Map<string, Item>): string[] {
  return [...items.values()].flatMap(({ add }) => (add.type === "create_table" ? [add.table] : []));
}

export type FromAgent = Exclude<ToController, Hello>;
