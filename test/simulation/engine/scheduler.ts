/**
 * Time and order of a run. Events happen one at a time, in the order of their times; after each, all
 * promises that can settle have settled. Nothing else runs: no timer, no I/O.
 */
import type { Trace } from "./trace.ts";
import { Violation } from "./violation.ts";

/** Far more events than anything takes at one instant. */
const MOST_AT_ONCE = 100_000;

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
  cancelled: boolean;
}

export class Scheduler {
  readonly trace: Trace;
  nowMs = 0;
  /** Counts whatever has to be put in order: every call gives the next number. */
  #tick = 0;
  #order = 0;
  /** Events since time went on. */
  #standing = 0;
  readonly #heap: Event[] = [];

  constructor(trace: Trace) {
    this.trace = trace;
  }

  tick(): number {
    this.#tick += 1;
    return this.#tick;
  }

  /** @returns what takes it back */
  after(ms: number, run: () => void): () => void {
    return this.at(this.nowMs + ms, run);
  }

  /** Events of one instant come in the order in which they were asked for; sums of what is left until then may differ in their last bit. @returns what takes it back */
  at(atMs: number, run: () => void): () => void {
    const event: Event = { atMs: Math.max(this.nowMs, atMs), order: this.#order, run, cancelled: false };
    this.#order += 1;
    push(this.#heap, event);
    return () => {
      event.cancelled = true;
    };
  }

  note(line: string): void {
    this.trace.add(`${this.nowMs.toFixed(2)} ${line}`);
  }

  #pass(atMs: number): void {
    this.#standing = atMs > this.nowMs ? 0 : this.#standing + 1;
    this.nowMs = atMs;
    if (this.#standing > MOST_AT_ONCE) throw new Violation("liveness", `time stands still at ${atMs} ms`);
  }

  /** Runs events until `done`, or until nothing is left or the time is over; false where it was not done then. */
  async run(limitMs: number, done: () => boolean): Promise<boolean> {
    const endMs = this.nowMs + limitMs;
    await settled();
    while (!done()) {
      const event = pop(this.#heap);
      if (event === undefined) return false;
      if (event.cancelled) continue;
      if (event.atMs > endMs) {
        push(this.#heap, event);
        return false;
      }
      this.#pass(event.atMs);
      event.run();
      await settled();
    }
    return true;
  }
}

/** A turn of the event loop comes only when every microtask has run. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

function push(heap: Event[], event: Event): void {
  let at = heap.push(event) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (isBefore(heap[parent] as Event, event)) break;
    heap[at] = heap[parent] as Event;
    at = parent;
  }
  heap[at] = event;
}

function pop(heap: Event[]): Event | undefined {
  const [first] = heap;
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return first;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event)) child += 1;
    if (isBefore(last, heap[child] as Event)) break;
    heap[at] = heap[child] as Event;
    at = child;
  }
  heap[at] = last;
  return first;
}
