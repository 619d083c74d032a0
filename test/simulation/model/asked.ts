/**
 * Faults that an agent has asked the controller to answer, until it has heard the answer. A command that needs what is asked
 * for already waits for that answer, whose reason may be older than the command. One agent's process.
 */
import type { Fault, FaultResponse } from "node-iscsi-target/mapping/messages/tables.ts";

interface Open {
  readonly fault: Fault;
  readonly since: number;
}

export class Asked {
  readonly #open = new Map<string, Open>();

  /** `now`: a tick. One that is said again was asked when it was said first. */
  asks(fault: Fault, now: number): void {
    const key = keyOf(fault);
    if (!this.#open.has(key)) this.#open.set(key, { fault, since: now });
  }

  hears(answer: FaultResponse): void {
    this.#open.delete(keyOf(answer));
  }

  /** Since when an answer that a command of `now` gets may have been asked for. */
  since(table: string, segments: readonly number[], now: number): number {
    const isOf = ({ fault: { table: of, first, count } }: Open) =>
      of === table && segments.some((segment) => segment >= first && segment < first + count);
    const joined = [...this.#open.values()].filter(isOf);
    return Math.min(now, ...joined.map(({ since }) => since));
  }
}

function keyOf({ table, fault }: Pick<Fault, "table" | "fault">): string {
  return `${table}/${fault}`;
}
