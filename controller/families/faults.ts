/**
 * Faults and unmaps of a family: what has come since the last turn is served together, read faults
 * first, then writes, then unmaps (rules 1, 2, 3, 11).
 */
import type { Fault, Unmap } from "node-iscsi-target/mapping/protocol.ts";
import type { AgentSession } from "../agents/agent-session.ts";
import type { ControllerCore } from "../core.ts";
import { Unwritable } from "../space/space.ts";
import type { Edit } from "../tables/edit.ts";
import { chunkOf, type Location } from "../tables/layout.ts";
import type { Family } from "./family.ts";
import { setEntries } from "./grants.ts";
import { finishLeftCopies, Round } from "./round.ts";
import { INTERNAL_FAILURE, POOL_FULL, type Sense, TARGET_UNWRITABLE, WRITE_PROTECTED } from "./senses.ts";
import { unmapAll } from "./unmaps.ts";

export interface Asked<M extends Fault | Unmap = Fault | Unmap> {
  readonly session: AgentSession;
  readonly message: M;
  /** How long it has waited for space, ms; undefined: it has not met a full pool yet. */
  readonly waitedMs: number | undefined;
}

const FULL_POLL_MS = 100;

export class FamilyFaults {
  readonly #core: ControllerCore;
  readonly #family: Family;
  #waiting: Asked[] = [];

  constructor(core: ControllerCore, family: Family) {
    this.#core = core;
    this.#family = family;
  }

  /** An unmap of segments that somebody has to himself is void: its agent holds it, and asks again. */
  ask(session: AgentSession, message: Fault | Unmap): void {
    if (message.type === "unmap" && !this.#core.exclusions.admits(session, message)) {
      const { table, request } = message;
      void session.deliver({ type: "unmap_response", table, request, outcome: "stale" });
    } else this.#push(session, message);
  }

  #push(session: AgentSession, message: Fault | Unmap, waitedMs?: number): void {
    this.#waiting.push({ session, message, waitedMs });
    if (this.#waiting.length > 1) return;
    this.#family.run(() => this.#serve()).catch((error: unknown) => this.#core.bug(error));
  }

  async #serve(): Promise<void> {
    // What agents had of a table before this epoch is forgotten by all before any is told something of it.
    const tables = new Set(this.#waiting.map(({ message }) => message.table));
    try {
      await Promise.all([...tables].map((table) => this.#core.agents.settled(table)));
    } catch (error) {
      const unserved = this.#waiting;
      this.#waiting = [];
      await this.#orFail(unserved, () => Promise.reject(error));
      return this.#ended(unserved);
    }
    const isServed = ({ session, message }: Asked) => !session.fenced && this.#serves(message.table);
    const asked = this.#waiting.filter((one) => tables.has(one.message.table));
    const unsettled = this.#waiting.filter((one) => !tables.has(one.message.table));
    this.#waiting = [];
    for (const { session, message, waitedMs } of unsettled) this.#push(session, message, waitedMs);
    await this.#serveAll(asked.filter(isServed));
    this.#ended(asked);
  }

  async #serveAll(asked: readonly Asked[]): Promise<void> {
    const [reads, writes, unmaps]: [Asked<Fault>[], Asked<Fault>[], Asked<Unmap>[]] = [[], [], []];
    for (const one of asked) {
      if (one.message.type === "unmap") unmaps.push(one as Asked<Unmap>);
      else (one.message.access === "read" ? reads : writes).push(one as Asked<Fault>);
    }
    await this.#orFail(reads, () => this.#read(reads));
    for (let left = writes; left.length > 0; ) {
      const round = left;
      left = [];
      await this.#orFail(round, async () => {
        left = await this.#write(round);
      });
    }
    if (unmaps.length > 0) await this.#orFail(unmaps, () => this.#unmap(unmaps));
  }

  /** Whoever was to have segments to himself waits for unmaps that came before. */
  #ended(asked: readonly Asked[]): void {
    for (const { message } of asked) if (message.type === "unmap") this.#core.exclusions.unmapped(message);
  }

  #serves(table: string): boolean {
    const disk = this.#core.families.disk(table);
    return disk !== undefined && disk.operation !== "deleting";
  }

  /** Every fault is answered, also where the controller fails. */
  async #orFail(asked: readonly Asked[], work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#core.bug(error);
      for (const { session, message } of asked) fail(session, message, INTERNAL_FAILURE);
    }
  }

  async #read(reads: readonly Asked<Fault>[]): Promise<void> {
    const edit = this.#core.edit(this.#family);
    for (const { session, message } of reads) {
      await edit.loadSegments(message.first, message.count);
      this.#sendChunks(edit, session, message);
      answer(session, message, "retry");
    }
  }

  /** Entries that the agent lacks; those it has stay as they are there. */
  #sendChunks(edit: Edit, session: AgentSession, { table, first, count }: Fault): void {
    for (let chunk = chunkOf(first); chunk <= chunkOf(first + count - 1); chunk += 1) {
      const generation = this.#core.tables.generationOf(table, chunk);
      void session.deliver({ type: "chunk", table, chunk, generation }, edit.wire(table, chunk));
    }
  }

  /** One round; those that another has to serve. */
  async #write(asked: readonly Asked<Fault>[]): Promise<Asked<Fault>[]> {
    await finishLeftCopies(this.#core, this.#family);
    const edit = this.#core.edit(this.#family);
    const pool = this.#core.families.disk((asked[0] as Asked<Fault>).message.table)?.pool ?? "";
    const round = new Round(this.#core, this.#family, edit, pool);
    const [served, later]: [Asked<Fault>[], Asked<Fault>[]] = [[], []];
    const known = new Set<Asked<Fault>>();
    for (const one of asked) {
      const outcome = await this.#plan(edit, round, pool, one);
      if (outcome === "full") this.#full(one, pool);
      else if (outcome === "protected") answer(one.session, one.message, WRITE_PROTECTED);
      else if (outcome === "unwritable") answer(one.session, one.message, TARGET_UNWRITABLE);
      else if (outcome === "later") later.push(one);
      else served.push(one);
      if (outcome === "known") known.add(one);
    }
    await this.#core.ahead.plan(this.#family, edit, round, pool);
    const failed = await round.run();
    for (const one of served) {
      const sense = segmentsOf(one.message)
        .map((segment) => failed.get(`${one.message.table}/${segment}`))
        .find(Boolean);
      if (sense === undefined) this.#bring(edit, one, known.has(one));
      answer(one.session, one.message, sense ?? "retry");
    }
    return later;
  }

  async #plan(
    edit: Edit,
    round: Round,
    pool: string,
    { message }: Asked<Fault>,
  ): Promise<"planned" | "known" | "later" | "full" | "protected" | "unwritable"> {
    const { table, first, count } = message;
    if (this.#core.families.disk(table)?.readOnly) return "protected";
    await edit.loadSegments(first, count);
    const needs = segmentsOf(message).map((segment) => [segment, round.needs(table, segment)] as const);
    const all = needs.flatMap(([segment, need]) => (need === "nothing" ? [] : [segment]));
    const copies = needs.flatMap(([segment, need]) => (need === "copy" ? [segment] : []));
    // A fault that is too large for one transaction is served in part: the agent faults again for the rest.
    const wanted = round.fitting(table, all);
    if (!round.admits(table, copies, all.length) || (wanted.length < all.length && round.size > 0)) return "later";
    const places = await this.#take(pool, wanted.length);
    if (typeof places === "string") return places;
    for (const [at, place] of places.entries()) round.add(table, wanted[at] as number, place);
    return wanted.length < count ? "known" : "planned";
  }

  async #take(pool: string, count: number): Promise<readonly Location[] | "full" | "unwritable"> {
    try {
      return (await this.#core.space.takeZeroed(pool, count)) ?? "full";
    } catch (error) {
      if (!(error instanceof Unwritable)) throw error;
      this.#core.options.log(`nothing can be allocated in pool ${pool}: ${error.message}`);
      return "unwritable";
    }
  }

  /** What the agent lacks besides what all were told of: its chunk, and entries that it may have with an Nw that nothing stands behind any more. */
  #bring(edit: Edit, { session, message }: Asked<Fault>, isKnown: boolean): void {
    const { table, generation } = message;
    if (!isKnown && generation > 0) return;
    this.#sendChunks(edit, session, message);
    if (!isKnown) return;
    const entries = new Map(segmentsOf(message).map((segment) => [segment, edit.wireEntry(table, segment)]));
    const messages = setEntries(table, entries, false, this.#core.tables.generation);
    for (const outgoing of messages) void session.deliver(outgoing);
  }

  async #unmap(unmaps: readonly Asked<Unmap>[]): Promise<void> {
    await finishLeftCopies(this.#core, this.#family);
    await unmapAll(this.#core, this.#family, unmaps);
  }

  /** First what is only allocated ahead is given back. The pool may grow in time: it is asked again until the pool's queueing time has passed. */
  #full({ session, message, waitedMs }: Asked<Fault>, pool: string): void {
    if (waitedMs === undefined) {
      // Not in this turn: other families give back in turns of their own.
      void this.#core.ahead.giveBackIn(pool).then(() => this.#push(session, message, 0));
      return;
    }
    if (waitedMs >= (this.#core.records.pools.get(pool)?.queueWhenFullMs ?? 0)) {
      answer(session, message, POOL_FULL);
      return;
    }
    this.#core.options.clock.after(FULL_POLL_MS, () => this.#push(session, message, waitedMs + FULL_POLL_MS));
  }
}

function segmentsOf({ first, count }: Fault): number[] {
  return Array.from({ length: count }, (_, at) => first + at);
}

function answer(session: AgentSession, { table, fault }: Fault, outcome: "retry" | Sense): void {
  void session.deliver({ type: "fault_response", table, fault, outcome });
}

function fail(session: AgentSession, message: Fault | Unmap, outcome: Sense): void {
  if (message.type === "fault") return answer(session, message, outcome);
  const { table, request } = message;
  void session.deliver({ type: "unmap_response", table, request, outcome });
}
