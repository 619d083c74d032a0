/**
 * What one block may hold: the writes to it, and which of them a read may return (docs/protocol.md, rules
 * 7 and 8). Times are ticks of the scheduler: whole numbers, all different, in the order of events.
 *
 * A write takes effect at some instant between its start and its end. Until it is settled it may
 * also never take effect: it is under way, or its agent died, or the power was lost before it was
 * on the medium.
 */

/** What a block of zeros is written by; no other write has this tag. */
export const ZERO_TAG = 0;

export interface BlockWrite {
  readonly tag: number;
  readonly start: number;
  /** From when on it can take effect no more; Infinity while it is under way. */
  end: number;
  /** From when on it has surely taken effect; Infinity while that is not known. */
  settled: number;
  /** Its host was told that it is done. */
  isAcknowledged: boolean;
  /** Survives the loss of power (rule 7). */
  durable: boolean;
  /** Something took the place of all that was written before, and it was under way then: that it was acknowledged does not say that it is there. */
  mayBeLost?: boolean;
  /** Who wrote it, for people. */
  readonly by: string;
}

export class BlockHistory {
  #writes: BlockWrite[];
  /** What reads find that began before. */
  #former: { readonly history: BlockHistory; readonly until: number } | undefined;

  constructor(writes: readonly BlockWrite[]) {
    this.#writes = [...writes];
  }

  get writes(): readonly BlockWrite[] {
    return this.#writes;
  }

  /** @param oldest when the oldest read began that is under way */
  begin(write: BlockWrite, oldest: number): void {
    if (this.#writes.length > 6) this.#prune(oldest);
    this.#writes.push(write);
  }

  /** It never took effect and never will. */
  withdraw(write: BlockWrite): void {
    this.#writes = this.#writes.filter((other) => other !== write);
  }

  /** What a read that begins at `start` and ends at `end` may return. */
  allowed(start: number, end: number): BlockWrite[] {
    const former = this.#formerAt(start)?.allowed(start, end) ?? [];
    return [...former, ...this.#allowedNow(start, end)];
  }

  #formerAt(start: number): BlockHistory | undefined {
    return this.#former !== undefined && start < this.#former.until ? this.#former.history : undefined;
  }

  #allowedNow(start: number, end: number): BlockWrite[] {
    return this.#writes.filter((write) => write.start < end && !this.#isSuperseded(write, start));
  }

  /** A read returned this: whoever reads later finds it, or something later. False where it must not be. */
  observe(tag: number, start: number, end: number): boolean {
    const matching = this.allowed(start, end).filter((write) => write.tag === tag);
    const [only] = matching;
    if (only === undefined) return false;
    if (matching.length === 1 && this.#formerAt(start) === undefined) only.settled = Math.min(only.settled, end);
    return true;
  }

  /** A flush began at `start` and succeeded: what was acknowledged before is on the medium. */
  flushed(start: number): void {
    for (const write of this.#writes) {
      if (write.isAcknowledged && write.end <= start) write.durable = true;
    }
  }

  /** The power was lost at `now`: what is not durable may be there or not. */
  powerLost(now: number): void {
    this.#former = undefined;
    for (const write of this.#writes) {
      write.end = Math.min(write.end, now);
      if (!write.durable) write.settled = Number.POSITIVE_INFINITY;
    }
  }

  /** As a snapshot has it that was asked for at `asked` and was there at `done`: what was under way then may be in it. */
  copied(asked: number, done: number): BlockHistory {
    const writes = this.#writes
      .filter(({ start }) => start < done)
      .map((write) => ({
        ...write,
        end: Math.min(write.end, done),
        settled: write.settled < asked ? write.settled : Number.POSITIVE_INFINITY,
        isAcknowledged: write.isAcknowledged && write.end < asked,
      }));
    return new BlockHistory(writes);
  }

  /** At `now` the block has what the block of this history has; what is under way to it then is lost, or comes after. */
  instead(of: BlockHistory, now: number): BlockHistory {
    const underWay = of.#writes.filter(({ end }) => end > now);
    for (const write of underWay) {
      write.mayBeLost = true;
      write.settled = Number.POSITIVE_INFINITY;
    }
    const history = new BlockHistory([...this.copied(now, now).#writes, ...underWay]);
    history.#former = { history: new BlockHistory(of.#writes.map((write) => ({ ...write }))), until: now };
    if (of.#former !== undefined) history.#former.history.#former = of.#former;
    return history;
  }

  /** Whether something that surely took effect before `at` came wholly after it. */
  #isSuperseded(write: BlockWrite, at: number): boolean {
    return this.#writes.some((later) => later !== write && later.start >= write.end && later.settled < at);
  }

  /** Forgets what not even a loss of power can bring back. */
  #prune(oldest: number): void {
    const durable = this.#writes.filter((write) => write.durable && write.settled < oldest);
    this.#writes = this.#writes.filter(
      (write) => !durable.some((later) => later !== write && later.start >= write.end),
    );
  }
}
