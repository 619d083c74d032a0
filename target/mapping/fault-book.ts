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

interface Answer {
  readonly outcome: FaultOutcome;
  /** It is about the fault, and not about the whole table. */
  readonly isOwn: boolean;
}

interface Waiting {
  readonly open: OpenFault;
  readonly answered: Promise<Answer>;
  readonly answer: (answer: Answer) => void;
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

  /** Resolves when every one of the segments (ascending) has been answered: retry, or the first error. A read that waited with a write asks for itself where that failed. */
  async wait(segments: readonly number[], access: "read" | "write"): Promise<FaultOutcome> {
    const fresh = segments.filter((segment) => !this.#bySegment.has(segment));
    for (const [first, count] of runsOf(fresh)) this.#open(first, count, access);
    const waiting = new Set(segments.map((segment) => this.#bySegment.get(segment) as Waiting));
    const faults = [...waiting];
    const answers = await Promise.all(faults.map((fault) => fault.answered));
    const concerns = ({ isOwn }: Answer, at: number) =>
      !isOwn || access === "write" || faults[at]?.open.access === "read";
    return answers.filter(concerns).find(({ outcome }) => outcome !== "retry")?.outcome ?? "retry";
  }

  /** An answer; one to a fault that is not open changes nothing. */
  answer(number: number, outcome: FaultOutcome): void {
    this.#answer(number, { outcome, isOwn: true });
  }

  #answer(number: number, answer: Answer): void {
    const fault = this.#byNumber.get(number);
    if (fault === undefined) return;
    this.#byNumber.delete(number);
    const { first, count } = fault.open;
    for (let segment = first; segment < first + count; segment += 1) this.#bySegment.delete(segment);
    fault.answer(answer);
  }

  /** Sends again what was not answered. */
  repeat(): void {
    for (const { open } of this.#byNumber.values()) this.#send(open);
  }

  /** The table goes away: whoever waits looks again, and finds it gone. */
  answerAll(outcome: FaultOutcome): void {
    for (const number of [...this.#byNumber.keys()]) this.#answer(number, { outcome, isOwn: false });
  }

  #open(first: number, count: number, access: "read" | "write"): void {
    const { promise, resolve } = Promise.withResolvers<Answer>();
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
