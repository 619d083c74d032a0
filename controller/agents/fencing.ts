/**
 * Going on without an agent, once it surely issues no I/O any more (docs/protocol.md, Lost agents): by
 * kill, or by waiting until its lease is over. It is on record then, so that its incarnation is
 * never welcome again, and a controller that begins later need not wait once more.
 */
import type { Renew } from "node-iscsi-target/mapping/protocol.ts";
import type { AgentRecord } from "../records.ts";
import type { AgentSession } from "./agent-session.ts";
import { Leases } from "./leases.ts";
import type { Roster } from "./roster.ts";

/** A process that lost its connection is looked at after so long; another connection may come first. */
const LOOK_AFTER_MS = 500;
/** A fencing that failed is tried again after so long. */
const AGAIN_AFTER_MS = 2000;

export class Fencing {
  readonly #roster: Roster;
  readonly leases: Leases;
  /** Under way, by name. */
  readonly #ending = new Map<string, Promise<void>>();
  /** Called when what an agent may do has changed. */
  onChange: () => void = () => undefined;

  constructor(roster: Roster) {
    this.#roster = roster;
    this.leases = new Leases(roster.options.clock);
  }

  /** Resolves when the recorded incarnation surely issues no I/O any more. */
  end(name: string): Promise<void> {
    const record = this.#roster.record(name);
    if (record === undefined || record.ended || record.incarnation === 0) return Promise.resolve();
    const known = this.#ending.get(name);
    if (known !== undefined) return known;
    const ending = this.#end(record).finally(() => {
      if (this.#ending.get(name) === ending) this.#ending.delete(name);
    });
    this.#ending.set(name, ending);
    return ending;
  }

  async #end(record: AgentRecord): Promise<void> {
    const { fencer, log } = this.#roster.options;
    if (record.remote !== undefined) {
      const ms = Math.ceil(this.leases.remainingMs(record));
      if (ms > 0) log(`agent ${record.name}: waiting ${ms} ms until its lease is over`);
      await this.leases.over(record);
    } else if (record.process !== null) await fencer.fence(record.process);
    await this.#record(record.name);
  }

  async #record(name: string): Promise<void> {
    if (this.#roster.record(name) === undefined) return;
    await this.#roster.change(name, (present) => ({ ...present, ended: true, tables: [] }));
    this.onChange();
  }

  /** The agent itself says that it issues no I/O any more, or has nothing that it could issue any to. */
  async ended(name: string, session: AgentSession): Promise<void> {
    session.fence();
    // Whoever says hello meanwhile waits for this record, and for no lease.
    const ending = this.#record(name).finally(() => {
      if (this.#ending.get(name) === ending) this.#ending.delete(name);
    });
    this.#ending.set(name, ending);
    await ending;
  }

  /** Goes on without the agent; it comes back as a new incarnation. */
  async fence(name: string, session: AgentSession): Promise<void> {
    const record = this.#roster.record(name);
    if (session.fenced || record === undefined || record.incarnation !== session.envelope.incarnation) return;
    this.#roster.options.log(`agent ${name} does not answer; fencing it`);
    await this.end(name);
    session.fence();
  }

  /** A drain that outlasts its limit fences the agent; one whose lease is over while nobody hears of it is fenced then. */
  async limited<T>(name: string, session: AgentSession, work: Promise<T>): Promise<T> {
    const { clock, drainLimitMs } = this.#roster.options;
    const record = this.#roster.record(name);
    const isSilent = record?.remote !== undefined && !session.connected;
    const limitMs = isSilent ? Math.min(drainLimitMs, this.leases.remainingMs(record)) : drainLimitMs;
    const cancel = clock.after(limitMs, () => this.#fenceSoon(name, session));
    try {
      return await work;
    } finally {
      cancel();
    }
  }

  /** A lease that is asked for: granted, unless the agent is being fenced. */
  renew(name: string, session: AgentSession, { nonce }: Renew): void {
    const record = this.#roster.record(name);
    if (record?.remote === undefined || record.ended || session.fenced || this.#ending.has(name)) return;
    const wasOver = this.leases.remainingMs(record) === 0;
    this.leases.granted(name);
    session.say({ type: "lease", ...session.envelope, nonce, durationMs: record.remote.leaseMs });
    if (wasOver) this.onChange();
  }

  /** The agent's connection is gone. Where its process is too, nobody need wait for it. */
  disconnected(name: string, session: AgentSession): void {
    const { clock, fencer } = this.#roster.options;
    clock.after(LOOK_AFTER_MS, () => {
      const record = this.#roster.record(name);
      const isSame = record?.incarnation === session.envelope.incarnation && !session.connected && !session.fenced;
      if (!isSame || record.process === null || !fencer.hasEnded(record.process)) return;
      this.#fenceSoon(name, session);
    });
  }

  /** Others wait for it, so it is tried again until it is done: what stood in the way may be gone by then. */
  #fenceSoon(name: string, session: AgentSession): void {
    const { clock, onBug } = this.#roster.options;
    this.fence(name, session).catch((error: unknown) => {
      onBug(error);
      clock.after(AGAIN_AFTER_MS, () => this.#fenceSoon(name, session));
    });
  }
}
