/**
 * Whole segments on their way back to the pool (docs/protocol.md, Messages: unmap).
 *
 * An unmap is not cancelled once it was sent: whoever aborts it waits for the answer, so that it can
 * never destroy what the host wrote after it believed the unmap gone.
 */
import { type ErrorReport, type IoResult, OK } from "../storage/block-device.ts";
import { CHUNK_ENTRIES, EntryState } from "./entry.ts";
import { runsOf } from "./fault-book.ts";
import type { MappingTable } from "./mapping-table.ts";
import { References } from "./references.ts";

export interface UnmapRequest {
  readonly request: number;
  readonly first: number;
  readonly count: number;
  readonly generation: number;
}
export type UnmapOutcome = "done" | "stale" | ErrorReport;

interface Open {
  readonly request: UnmapRequest;
  readonly resolve: (outcome: UnmapOutcome | "gone") => void;
  isVoid: boolean;
}

export class Unmapping {
  /** Of what was asked for and not answered yet. */
  readonly references = new References();
  readonly #open = new Map<number, Open>();
  /** What is seen of the table is of the last epoch still: nothing is asked for by it. */
  #isBetween = false;
  readonly #send: (request: UnmapRequest) => void;
  readonly #nextNumber: () => number;

  constructor(nextNumber: () => number, send: (request: UnmapRequest) => void) {
    this.#nextNumber = nextNumber;
    this.#send = send;
  }

  /** Asks once for what is mapped of segments `first` to `end` (exclusive) to be unmapped; stale: of some of it that was void. */
  run(table: MappingTable, first: number, end: number): Promise<IoResult | "stale"> {
    return this.references.hold(first, end - 1, this.#run(table, first, end));
  }

  async #run(table: MappingTable, first: number, end: number): Promise<IoResult | "stale"> {
    const outcomes = await Promise.all(chunkRuns(table, first, end).map((run) => this.#ask(table, run)));
    const failure = outcomes.find((outcome) => typeof outcome === "object");
    if (failure !== undefined) return { kind: "reported", report: failure };
    if (outcomes.includes("gone")) return { kind: "not-ready" };
    return outcomes.includes("stale") ? "stale" : OK;
  }

  answer(number: number, outcome: UnmapOutcome): void {
    const open = this.#open.get(number);
    this.#open.delete(number);
    open?.resolve(outcome);
  }

  /** Sends again what was not answered. */
  repeat(): void {
    for (const { request, isVoid } of this.#open.values()) if (!isVoid) this.#send(request);
  }

  /** The controller that was asked is gone: what it has not done nobody will do, and it is not asked of the next one as it is. */
  newEpoch(): void {
    this.#isBetween = true;
    for (const open of this.#open.values()) open.isVoid = true;
  }

  /** The agent forgets what it had of the last epoch: what was asked for in that is stale. */
  endVoid(): void {
    this.#isBetween = false;
    for (const [number, { isVoid }] of this.#open) if (isVoid) this.answer(number, "stale");
  }

  endAll(): void {
    for (const [number, { resolve }] of this.#open) {
      this.#open.delete(number);
      resolve("gone");
    }
  }

  #ask(table: MappingTable, [first, count]: [number, number]): Promise<UnmapOutcome | "gone"> {
    const request = { request: this.#nextNumber(), first, count, generation: table.generation(first) };
    return new Promise((resolve) => {
      this.#open.set(request.request, { request, resolve, isVoid: this.#isBetween });
      if (!this.#isBetween) this.#send(request);
    });
  }
}

/** Runs of segments that are not zero, none across a chunk. */
function chunkRuns(table: MappingTable, first: number, end: number): [number, number][] {
  const runs: [number, number][] = [];
  for (let from = first; from < end; ) {
    const to = Math.min(end, (Math.floor(from / CHUNK_ENTRIES) + 1) * CHUNK_ENTRIES);
    const mapped: number[] = [];
    for (let segment = from; segment < to; segment += 1)
      if (!(table.word0(segment) & EntryState.ZERO)) mapped.push(segment);
    runs.push(...runsOf(mapped));
    from = to;
  }
  return runs;
}
