/** Going on without an agent that does not answer, once it surely issues no I/O any more (`spec.md`, Lost agents). */
import type { AgentRecord } from "../records.ts";
import type { AgentSession } from "./agent-session.ts";
import type { Roster } from "./roster.ts";

export class Fencing {
  readonly #roster: Roster;

  constructor(roster: Roster) {
    this.#roster = roster;
  }

  /** Resolves when the process of the record's incarnation surely issues no I/O any more. */
  async end({ process }: AgentRecord): Promise<void> {
    if (process !== null) await this.#roster.options.fencer.fence(process);
  }

  /** Ends the agent's process and goes on without it; a new process begins a new incarnation. */
  async fence(name: string, session: AgentSession): Promise<void> {
    const record = this.#roster.record(name);
    if (session.fenced || record === undefined || record.incarnation !== session.envelope.incarnation) return;
    this.#roster.options.log(`agent ${name} does not answer; fencing it`);
    await this.end(record);
    session.fence();
  }

  /** A drain that outlasts its limit fences the agent. */
  async limited<T>(name: string, session: AgentSession, work: Promise<T>): Promise<T> {
    const { clock, drainLimitMs } = this.#roster.options;
    const cancel = clock.after(drainLimitMs, () => void this.fence(name, session));
    try {
      return await work;
    } finally {
      cancel();
    }
  }
}
