/**
 * Faults under way: one at a time per segment; later I/O to the segment waits with it
 * (docs/protocol.md, Messages). Each is repeated after a reconnection until it is answered.
 */
import type { ErrorReport } from "../storage/block-device.ts";

export interface OpenFault {
  readonly fault: number;
  readonly first: number;
  readonly count: number;
  readonly access: "read" | "write";
}
export type FaultOutcome = "retry" | ErrorReport;

interface Waiting {
  readonly open: OpenFault;
  readonly answered: Promise<FaultOutcome>;
  readonly answer: (outcome: FaultOutcome) => void;
}

export class FaultBook {
  readonly #send: (fault: OpenFault) => void;
  readonly #bySegment = new Map<number, Waiting>();
  readonly #byNumber = new Map<number, Waiting>();
  readonly #nextNumber: () => number;

  constructor(nextNumber: () => number, send: (fault: OpenFault) => void) {
    this.#nextNumber = nextNumber;
    this.#send = send;
  }

  /** Resolves when every one of the segments (ascending) has been answered: retry, or the first error. */
  async wait(segments: readonly number[], access: "read" | "write"): Promise<FaultOutcome> {
    const fresh = segments.filter((segment) => !this.#bySegment.has(segment));
    for (const [first, count] of runsOf(fresh)) this.#open(first, count, access);
    const waiting = new Set(segments.map((segment) => this.#bySegment.get(segment) as Waiting));
    const outcomes = await Promise.all([...waiting].map((fault) => fault.answered));
    return outcomes.find((outcome) => outcome !== "retry") ?? "retry";
  }

  /** An answer; one to a fault that is not open changes nothing. */
  answer(number: number, outcome: FaultOutcome): void {
    const fault = this.#byNumber.get(number);
    if (fault === undefined) return;
    this.#byNumber.delete(number);
    const { first, count } = fault.open;
    for (let segment = first; segment < first + count; segment += 1) this.#bySegment.delete(segment);
    fault.answer(outcome);
  }

  /** Sends again what was not answered. */
  repeat(): void {
    for (const { open } of this.#byNumber.values()) this.#send(open);
  }

  /** The table goes away: whoever waits looks again, and finds it gone. */
  answerAll(outcome: FaultOutcome): void {
    for (const number of [...this.#byNumber.keys()]) this.answer(number, outcome);
  }

  #open(first: number, count: number, access: "read" | "write"): void {
    const { promise, resolve } = Promise.withResolvers<FaultOutcome>();
    const open: OpenFault = { fault: this.#nextNumber(), first, count, access };
    const fault: Waiting = { open, answered: promise, answer: resolve };
    this.#byNumber.set(open.fault, fault);
    for (let segment = first; segment < first + count; segment += 1) this.#bySegment.set(segment, fault);
    this.#send(open);
  }
}

/** Consecutive numbers as [first, count]. */
export function runsOf(ascending: readonly number[]): [number, number][] {
  const runs: [number, number][] = [];
  for (const value of ascending) {
    const last = runs.at(-1);
    if (last !== undefined && last[0] + last[1] === value) last[1] += 1;
    else runs.push([value, 1]);
  }
  return runs;
}
