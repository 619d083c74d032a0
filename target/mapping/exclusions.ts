/**
 * Segments that this agent has to itself for a moment, and those that it leaves to another
 * (`messages/exclusions.ts`).
 */
import type { Exclusion, Initiation } from "../storage/block-device.ts";

export type ExclusionMessage =
  | { readonly type: "exclude"; readonly request: number; readonly first: number; readonly count: number }
  | { readonly type: "readmit"; readonly request: number }
  | { readonly type: "holding"; readonly holds: readonly string[] };

interface Held {
  readonly first: number;
  readonly last: number;
  readonly over: Promise<"retry">;
  readonly end: () => void;
  /** Of an earlier epoch: whoever asked for it may be gone. */
  stale: boolean;
}

/** What a request has come to; `lost` with the epoch, or with the table. */
type Stage = "asked" | "granted" | "ending" | "lost";

export class Exclusions {
  readonly #holds = new Map<string, Held>();
  readonly #requests = new Map<number, Request>();
  /** Those that nobody was asked for. */
  readonly #own = new Set<Request>();
  #alone = false;
  readonly #nextNumber: () => number;
  readonly #send: (message: ExclusionMessage) => void;

  constructor(nextNumber: () => number, send: (message: ExclusionMessage) => void) {
    this.#nextNumber = nextNumber;
    this.#send = send;
  }

  /** Nothing is held: all that I/O looks at while that is so. */
  get quiet(): boolean {
    return this.#holds.size === 0;
  }

  /** Resolves when a hold on segments `first` to `last` is over; undefined where there is none. */
  held(first: number, last: number): Promise<"retry"> | undefined {
    for (const held of this.#holds.values()) if (held.first <= last && held.last >= first) return held.over;
    return undefined;
  }

  /** Has the segments to itself once it resolves; undefined where the initiation was cancelled first, or the table is gone. */
  request(first: number, count: number, by: Initiation): Promise<Exclusion | undefined> {
    if (by.cancelled) return Promise.resolve(undefined);
    const request = new Request(this.#nextNumber(), first, count, by, () => this.#end(request));
    if (this.#alone) {
      this.#own.add(request);
      request.grant();
    } else {
      this.#requests.set(request.number, request);
      this.#ask(request);
    }
    return request.answered;
  }

  /** What nobody here has asked for (an old message came a second time) is given back: others hold for it. */
  excluded(number: number): void {
    const request = this.#requests.get(number) ?? Request.ofNobody(number);
    if (!this.#requests.has(number)) {
      this.#requests.set(number, request);
      this.#end(request);
    } else request.grant();
  }

  readmitted(number: number): void {
    this.#requests.delete(number);
  }

  hold(id: string, first: number, count: number): void {
    if (this.#holds.has(id)) return;
    const { promise, resolve } = Promise.withResolvers<"retry">();
    const last = first + count - 1;
    this.#holds.set(id, { first, last, over: promise, end: () => resolve("retry"), stale: false });
  }

  unhold(id: string): void {
    this.#holds.get(id)?.end();
    this.#holds.delete(id);
  }

  /** Alone, it asks nobody; what it had without asking is lost when it no longer is. */
  setAlone(alone: boolean): void {
    this.#alone = alone;
    if (alone) return;
    for (const request of this.#own) request.lose();
    this.#own.clear();
  }

  /** What was granted is lost; what others were granted goes on until the new controller ends it. */
  newEpoch(): void {
    for (const request of this.#requests.values()) {
      if (request.stage === "asked") continue;
      this.#requests.delete(request.number);
      request.lose();
    }
    this.setAlone(false);
    for (const held of this.#holds.values()) held.stale = true;
  }

  /** Sends again what was not answered. */
  repeat(): void {
    for (const request of this.#requests.values()) {
      if (request.stage === "asked") this.#ask(request);
      else if (request.stage === "ending") this.#send({ type: "readmit", request: request.number });
    }
    const holds = [...this.#holds].filter(([, { stale }]) => stale).map(([id]) => id);
    if (holds.length > 0) this.#send({ type: "holding", holds });
  }

  /** The table goes away. */
  endAll(): void {
    for (const request of this.#requests.values()) request.lose();
    this.#requests.clear();
    this.setAlone(false);
    for (const id of [...this.#holds.keys()]) this.unhold(id);
  }

  #ask({ number: request, first, count }: Request): void {
    this.#send({ type: "exclude", request, first, count });
  }

  #end(request: Request): void {
    if (request.stage === "lost" || request.stage === "ending" || this.#own.delete(request)) return;
    request.stage = "ending";
    this.#send({ type: "readmit", request: request.number });
  }
}

/** As an initiation it is cancelled when its command is, and when the segments are no longer its own. */
class Request implements Exclusion {
  readonly number: number;
  readonly first: number;
  readonly count: number;
  readonly end: () => void;
  readonly answered: Promise<Exclusion | undefined>;
  stage: Stage = "asked";
  onCancel: (() => void) | undefined = undefined;
  readonly #by: Initiation;
  readonly #answer: (exclusion: Exclusion | undefined) => void;

  constructor(number: number, first: number, count: number, by: Initiation, end: () => void) {
    this.number = number;
    this.first = first;
    this.count = count;
    this.#by = by;
    const { promise, resolve } = Promise.withResolvers<Exclusion | undefined>();
    this.answered = promise;
    this.#answer = resolve;
    this.end = () => {
      by.onCancel = undefined;
      end();
    };
    by.onCancel = () => {
      this.end();
      resolve(undefined);
    };
  }

  static ofNobody(number: number): Request {
    return new Request(number, 0, 0, { cancelled: true, onCancel: undefined }, () => undefined);
  }

  get cancelled(): boolean {
    return this.stage === "lost" || this.#by.cancelled;
  }

  grant(): void {
    if (this.stage !== "asked") return;
    this.stage = "granted";
    this.#by.onCancel = () => this.onCancel?.();
    this.#answer(this);
  }

  lose(): void {
    this.stage = "lost";
    this.#answer(undefined);
    this.onCancel?.();
  }
}
