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
  /** Those that nobody was asked for, by age. */
  readonly #own = new Set<Request>();
  /** Whose segments belong to one command here until it is over. */
  readonly #granted = new Set<Request>();
  #alone = false;
  #shared = false;
  #unit: string | undefined;
  #quiet = true;
  readonly #nextNumber: () => number;
  readonly #send: (message: ExclusionMessage) => void;

  constructor(nextNumber: () => number, send: (message: ExclusionMessage) => void) {
    this.#nextNumber = nextNumber;
    this.#send = send;
  }

  /** Nothing is held: all that I/O looks at while that is so. */
  get quiet(): boolean {
    return this.#quiet;
  }

  /** Several logical units here show the table: a command's task set does not keep the others' commands off. */
  get shared(): boolean {
    return this.#shared;
  }

  /** A logical unit here shows the table; what another one had begun may still be under way. */
  shownBy(unit: string): void {
    this.#unit ??= unit;
    if (unit !== this.#unit) this.#shared = true;
    this.#look();
  }

  /** Resolves when a hold on segments `first` to `last` is over, or what another unit here has of them to itself; undefined where there is none. */
  held(first: number, last: number, by: Initiation | undefined): Promise<"retry"> | undefined {
    for (const held of this.#holds.values()) if (held.first <= last && held.last >= first) return held.over;
    // Commands that have segments to themselves do not wait for each other: they did so before.
    if (!this.#shared || this.#granted.has(by as Request)) return undefined;
    for (const granted of this.#granted) if (granted.meets(first, last)) return granted.over;
    return undefined;
  }

  /** Has the segments to itself once it resolves; undefined where the initiation was cancelled first, or the table is gone. */
  request(first: number, count: number, by: Initiation): Promise<Exclusion | undefined> {
    if (by.cancelled) return Promise.resolve(undefined);
    const request = new Request(this.#nextNumber(), first, count, by, () => this.#end(request));
    if (this.#alone) {
      this.#own.add(request);
      this.#grantOwn();
    } else this.#ask(request);
    return request.answered;
  }

  /** What nobody here has asked for (an old message came a second time) is given back: others hold for it. */
  excluded(number: number): void {
    const request = this.#requests.get(number) ?? Request.ofNobody(number);
    if (!this.#requests.has(number)) {
      this.#requests.set(number, request);
      this.#end(request);
    } else this.#grant(request);
  }

  readmitted(number: number): void {
    this.#requests.delete(number);
  }

  hold(id: string, first: number, count: number): void {
    if (this.#holds.has(id)) return;
    const { promise, resolve } = Promise.withResolvers<"retry">();
    const last = first + count - 1;
    this.#holds.set(id, { first, last, over: promise, end: () => resolve("retry"), stale: false });
    this.#look();
  }

  unhold(id: string): void {
    this.#holds.get(id)?.end();
    this.#holds.delete(id);
    this.#look();
  }

  /** Alone, it asks nobody; what it had without asking is lost when it no longer is, and what waited for it is asked for. */
  setAlone(alone: boolean): void {
    this.#alone = alone;
    if (alone) return;
    const own = [...this.#own];
    this.#own.clear();
    for (const request of own) {
      if (request.stage === "asked") this.#ask(request);
      else request.lose();
    }
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
      if (request.stage === "asked") this.#sendAsk(request);
      else if (request.stage === "ending") this.#send({ type: "readmit", request: request.number });
    }
    const holds = [...this.#holds].filter(([, { stale }]) => stale).map(([id]) => id);
    if (holds.length > 0) this.#send({ type: "holding", holds });
  }

  /** The table goes away. */
  endAll(): void {
    for (const request of [...this.#requests.values(), ...this.#own]) request.lose();
    this.#requests.clear();
    this.#own.clear();
    this.#alone = false;
    for (const id of [...this.#holds.keys()]) this.unhold(id);
  }

  #ask(request: Request): void {
    this.#requests.set(request.number, request);
    this.#sendAsk(request);
  }

  #sendAsk({ number: request, first, count }: Request): void {
    this.#send({ type: "exclude", request, first, count });
  }

  #grant(request: Request): void {
    if (request.stage !== "asked") return;
    this.#granted.add(request);
    this.#look();
    request.grant();
  }

  /** In the order in which they came, as the controller does it, after what it was asked for before; those of one unit do not meet, where it is the only one. */
  #grantOwn(): void {
    const asked = this.#shared ? [...this.#requests.values()] : [];
    const older = asked.filter(({ stage }) => stage === "asked" || stage === "granted");
    for (const request of this.#own) {
      const waits = this.#shared && older.some(({ first, last }) => request.meets(first, last));
      if (!waits) this.#grant(request);
      older.push(request);
    }
  }

  #look(): void {
    this.#quiet = this.#holds.size === 0 && !(this.#shared && this.#granted.size > 0);
  }

  #end(request: Request): void {
    // Also what was lost meanwhile: until now its command may have been at the devices.
    this.#granted.delete(request);
    this.#look();
    request.finish();
    if (!this.#own.delete(request) && request.stage !== "lost" && request.stage !== "ending") {
      request.stage = "ending";
      this.#send({ type: "readmit", request: request.number });
    }
    this.#grantOwn();
  }
}

/** As an initiation it is cancelled when its command is, and when the segments are no longer its own. */
class Request implements Exclusion {
  readonly number: number;
  readonly first: number;
  readonly count: number;
  readonly end: () => void;
  readonly answered: Promise<Exclusion | undefined>;
  /** Resolves when its command is over. */
  readonly over: Promise<"retry">;
  readonly finish: () => void;
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
    const over = Promise.withResolvers<"retry">();
    this.over = over.promise;
    this.finish = () => over.resolve("retry");
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

  get last(): number {
    return this.first + this.count - 1;
  }

  meets(first: number, last: number): boolean {
    return this.first <= last && this.last >= first;
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
