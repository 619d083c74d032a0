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

export class Unmapping {
  /** Of what was asked for and not answered yet. */
  readonly references = new References();
  readonly #open = new Map<number, { request: UnmapRequest; resolve: (outcome: UnmapOutcome | "gone") => void }>();
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
    for (const { request } of this.#open.values()) this.#send(request);
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
      this.#open.set(request.request, { request, resolve });
      this.#send(request);
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
