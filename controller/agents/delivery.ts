/** Messages to agents: what each is to have by the records, and changes to everyone who holds a table. */
import { EntryState } from "node-iscsi-target/mapping/entry.ts";
import type { PortGroup } from "node-iscsi-target/mapping/protocol.ts";
import { pause } from "../clock.ts";
import type { AgentRecord } from "../records.ts";
import type { AgentSession, Delivery, Outgoing } from "./agent-session.ts";
import type { Fencing } from "./fencing.ts";
import { desired, type Item, orderOf } from "./publication.ts";
import type { Known, Roster } from "./roster.ts";
import { add, devicesUnderWay, leaves, letsGo } from "./sending.ts";
import { isAnyAwaited, isServing, openedDevices, presentable, Vouching, vouchedFor } from "./vouching.ts";

/** How often an agent that has not been heard of in this epoch is looked for. */
const LOOK_EVERY_MS = 100;

export class Deliveries {
  readonly #roster: Roster;
  readonly #fencing: Fencing;
  /** Resolves when an agent that outlived its controller has drained what it had. */
  readonly #synchronised = new WeakMap<AgentSession, Promise<unknown>>();
  /** By table. */
  readonly #settled = new Map<string, Promise<unknown>>();

  readonly #ports: () => PortGroup[];
  readonly #vouching: Vouching;

  constructor(roster: Roster, fencing: Fencing, ports: () => PortGroup[]) {
    this.#roster = roster;
    this.#fencing = fencing;
    this.#ports = ports;
    this.#vouching = new Vouching(
      roster,
      fencing,
      (records) => this.#allReturned(records),
      (name) => this.#showSoon(name),
    );
  }

  #desired(name: string): Map<string, Item> {
    return desired(this.#roster.options.records, name, this.#ports());
  }

  /** First `keep`, then all it is to have; what it kept of tables becomes Inv, drained, and it has its devices, before this resolves the wait of others. */
  async synchronise(name: string, known: Known, tables: readonly string[]): Promise<Promise<Delivery>[]> {
    const items = this.#desired(name);
    const messages = [...items.values()].map(({ add }) => add);
    const deliveries: Promise<Delivery>[] = [];
    const kept = tablesOf(items);
    const keep = known.session.deliver({
      type: "keep",
      devices: messages.flatMap((m) => (m.type === "add_device" ? [m.device] : [])),
      tables: kept,
      units: messages.flatMap((m) => (m.type === "publish_unit" ? [m.unit.id] : [])),
      initiators: messages.flatMap((m) => (m.type === "publish_host" ? [m.initiator] : [])),
    });
    for (const table of tables) if (!kept.includes(table)) leaves(known, table, keep);
    deliveries.push(keep);
    for (const table of tables) deliveries.push(known.session.deliver(forgetAll(table)));
    const brought = this.#bring(name, known, items);
    const ready = brought.then(() => Promise.all([...deliveries, ...devicesUnderWay(known)]));
    ready.catch(() => undefined);
    this.#synchronised.set(known.session, ready);
    return brought;
  }

  /** Brings every agent to what the records say; resolved when all have acknowledged or are fenced. */
  async reconcile(): Promise<void> {
    const names = [...this.#roster.known.keys()].filter((name) => this.#roster.record(name) !== undefined);
    await Promise.all(names.map((name) => this.#reconcileOne(name)));
  }

  async #reconcileOne(name: string): Promise<void> {
    const sent = await this.#roster.inTurn(name, () => this.#update(name));
    if (sent !== undefined) await this.conclude(name, sent.known, sent.deliveries);
  }

  async #update(name: string): Promise<{ known: Known; deliveries: Promise<Delivery>[] } | undefined> {
    const known = this.#roster.known.get(name);
    if (known === undefined || known.session.fenced) return undefined;
    const items = this.#desired(name);
    // No unit is without a device that its flushes need.
    const gone = [...known.has]
      .filter(([key]) => !items.has(key))
      .reverse()
      .sort(([a], [b]) => orderOf(b) - orderOf(a));
    const deliveries: Promise<Delivery>[] = [];
    // Masks first, so that no host reaches what is taken away next.
    for (const [key, item] of items)
      if (key.startsWith("host/") && known.has.has(key)) deliveries.push(...add(known, key, item));
    for (const [key, { item }] of gone) {
      known.has.delete(key);
      const delivery = known.session.deliver(item.remove);
      if (item.remove.type === "delete_table") leaves(known, item.remove.table, delivery);
      if (item.remove.type === "remove_device") letsGo(known, delivery);
      deliveries.push(delivery);
    }
    return { known, deliveries: [...deliveries, ...(await this.#bring(name, known, items))] };
  }

  /** Grants are on record before they are sent. */
  async #bring(name: string, known: Known, desired: Map<string, Item>): Promise<Promise<Delivery>[]> {
    const record = this.#roster.record(name) as AgentRecord;
    const recorded = new Set(record.tables);
    const items = presentable(desired, known, recorded);
    const joined = tablesOf(items).filter((table) => !recorded.has(table));
    await this.#roster.recordTables(name, [...record.tables, ...joined]);
    const deliveries: Promise<Delivery>[] = [];
    for (const [key, item] of items) {
      const fresh = item.add.type === "create_table" && !known.has.has(key);
      deliveries.push(...add(known, key, item));
      if (fresh) this.#roster.options.onTable(name, known.session, item.add.table, joined.includes(item.add.table));
    }
    return deliveries;
  }

  /** Waits, not in the agent's turn, until it has all that it is to have. */
  async conclude(name: string, known: Known, deliveries: readonly Promise<Delivery>[]): Promise<void> {
    await this.#settle(name, known, deliveries);
    const { clock, drainLimitMs, onBug } = this.#roster.options;
    const later = Promise.withResolvers<void>();
    const cancel = clock.after(drainLimitMs, later.resolve);
    const shown = this.#show(name, known);
    // A device of others that does not end a sync keeps nobody for ever from what else there is to do.
    void later.promise.then(() => shown.catch(onBug));
    await Promise.race([shown, later.promise]).finally(cancel);
  }

  /** One after another: what has waited until somebody vouched for devices. */
  #show(name: string, known: Known): Promise<void> {
    const showing = (known.showing ?? Promise.resolve()).then(() => this.#showRest(name, known));
    const over = showing
      .catch(() => undefined)
      .then(() => {
        if (known.showing === over) known.showing = undefined;
      });
    known.showing = over;
    return showing;
  }

  #showSoon(name: string): void {
    const known = this.#roster.known.get(name);
    if (known !== undefined) this.#show(name, known).catch(this.#roster.options.onBug);
  }

  /** What has waited until somebody vouched for devices that the agent has opened. */
  async #showRest(name: string, known: Known): Promise<void> {
    const isWaiting = () => isAnyAwaited(known) || [...this.#desired(name).keys()].some((key) => !known.has.has(key));
    while (this.#roster.known.get(name) === known && isWaiting()) {
      await this.#vouching.vouch(name, openedDevices(known));
      const sent = await this.#roster.inTurn(name, async () => {
        const vouched = vouchedFor(known, this.#roster.options.records);
        const updated = await this.#update(name);
        return updated && { ...updated, deliveries: [...vouched, ...updated.deliveries] };
      });
      if (sent === undefined) return;
      await this.#settle(name, sent.known, sent.deliveries);
    }
  }

  /** Takes off the record what the agent has no more once it has acknowledged all that. */
  async #settle(name: string, known: Known, deliveries: readonly Promise<Delivery>[]): Promise<void> {
    const ended = await this.#fencing.limited(name, known.session, Promise.all(deliveries));
    const problem = ended.find((delivery) => typeof delivery === "object");
    if (problem === undefined) this.#roster.problems.delete(name);
    else this.#roster.problems.set(name, problem.error);
    await this.#roster.inTurn(name, async () => {
      const record = this.#roster.record(name);
      if (record === undefined || this.#roster.known.get(name) !== known) return;
      const held = (table: string) => known.has.has(`table/${table}`) || known.leaving.has(table);
      await this.#roster.recordTables(name, record.tables.filter(held));
    });
    this.#roster.options.onConclusion();
  }

  async everyone(who: "holding" | "serving"): Promise<void> {
    const isConcerned = {
      holding: ({ tables }: AgentRecord) => tables.length > 0,
      serving: isServing,
    }[who];
    const concerned = this.#roster.options.records.agents.values().filter(isConcerned);
    await this.#allReturned(concerned);
    await this.reconcile();
    // Also of what was taken from them before.
    const letGo = this.#roster.known
      .entries()
      .map(([name, { session, removals }]) => this.#fencing.limited(name, session, Promise.all(removals)));
    await Promise.all(letGo);
  }

  /** Takes everything from an agent: once it has acknowledged, it can issue no I/O, and nobody need wait for its end. */
  async release(name: string, session: AgentSession): Promise<void> {
    const nothing = { type: "keep", devices: [], tables: [], units: [], initiators: [] } as const;
    const delivery = await this.#fencing.limited(name, session, session.deliver(nothing));
    if (delivery === "done") await this.#fencing.ended(name, session);
  }

  /** To all agents of a table but `except`, by record, connected or not; resolved when each has acknowledged or is fenced. */
  async toTable(table: string, message: Outgoing, except?: string): Promise<void> {
    const all = this.#roster.options.records.agents.values();
    const holders = all.filter(({ name, tables }) => name !== except && tables.includes(table));
    await Promise.all(holders.map((record) => this.#toOne(record, message)));
  }

  /**
   * Resolves when no agent goes by what it had of a table before this epoch: all have forgotten it, or
   * are fenced. What the controller before was about to tell them when it died, they may not know.
   */
  settled(table: string): Promise<unknown> {
    const known = this.#settled.get(table);
    if (known !== undefined) return known;
    const holders = this.#roster.options.records.agents.values().filter(({ tables }) => tables.includes(table));
    const settled = Promise.all(holders.map((record) => this.#forgotten(record)));
    this.#settled.set(table, settled);
    // Where the controller failed it is tried anew.
    settled.catch(() => this.#settled.delete(table));
    return settled;
  }

  async #forgotten(record: AgentRecord): Promise<void> {
    const session = this.#roster.session(record.name) ?? (await this.#returned(record));
    if (session === undefined) return;
    await this.#fencing.limited(record.name, session, Promise.resolve(this.#synchronised.get(session)));
  }

  async #allReturned(records: readonly AgentRecord[]): Promise<void> {
    const silent = records.filter(({ name }) => !this.#roster.known.has(name));
    await Promise.all(silent.map((record) => this.#returned(record)));
  }

  async toAgent(name: string, message: Outgoing): Promise<void> {
    const record = this.#roster.record(name);
    if (record !== undefined) await this.#toOne(record, message);
  }

  async #toOne(record: AgentRecord, message: Outgoing): Promise<void> {
    const session = this.#roster.session(record.name) ?? (await this.#returned(record));
    if (session === undefined) return;
    const drained = Promise.resolve(this.#synchronised.get(session)).then(() => session.deliver(message));
    await this.#fencing.limited(record.name, session, drained);
  }

  /** An agent that has not been heard of in this epoch: waited for, then fenced. */
  async #returned(record: AgentRecord): Promise<AgentSession | undefined> {
    const { clock, drainLimitMs, log } = this.#roster.options;
    for (let waitedMs = 0; waitedMs < drainLimitMs; waitedMs += LOOK_EVERY_MS) {
      await pause(clock, LOOK_EVERY_MS);
      const session = this.#roster.session(record.name);
      if (session !== undefined) return session;
    }
    await this.#roster.inTurn(record.name, async () => {
      if (this.#roster.known.has(record.name)) return;
      log(`agent ${record.name} has not come back; fencing it`);
      await this.#fencing.end(record.name);
    });
    return this.#roster.session(record.name);
  }
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

function tablesOf(items: Map<string, Item>): string[] {
  return [...items.values()].flatMap(({ add: message }) => (message.type === "create_table" ? [message.table] : []));
}
