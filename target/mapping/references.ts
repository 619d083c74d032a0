/**
 * References of I/O on the entries it touches, and drains that wait for them (docs/protocol.md,
 * References; the blocking flag 280).
 *
 * I/O that ends in the call that began it needs no record: nothing else runs in between, so no
 * `set_entry` can come in while it holds its entries. Only what a device answers later is kept.
 */
interface Reference {
  readonly first: number;
  readonly last: number;
  readonly ended: Promise<unknown>;
  /** Where it stands among those that are held. */
  at: number;
}

export class References {
  /**
   * In no order. A `Set` that so much passes through keeps what has left it: each of its tables that was outgrown, once it
   * has become old, holds the next one and what stood in it until the next full collection. It cost pauses of 20 ms where reads miss.
   */
  readonly #held: Reference[] = [];

  /** Holds segments `first` to `last` until the I/O has ended. */
  hold<T>(first: number, last: number, ended: Promise<T>): Promise<T> {
    const reference: Reference = { first, last, ended, at: this.#held.length };
    this.#held.push(reference);
    const release = () => this.#release(reference);
    ended.then(release, release);
    return ended;
  }

  /** Whether a drain of the range would wait. */
  isHeld(first: number, count: number): boolean {
    return this.#on(first, count).length > 0;
  }

  /** Resolves when every reference that is held now on a segment of the range has ended; at once where none is. */
  drain(first: number, count: number): Promise<unknown> | undefined {
    const waits = this.#on(first, count);
    return waits.length === 0 ? undefined : Promise.allSettled(waits.map((held) => held.ended));
  }

  /** The last one takes its place. */
  #release({ at }: Reference): void {
    const last = this.#held.pop() as Reference;
    if (last.at === at) return;
    last.at = at;
    this.#held[at] = last;
  }

  #on(first: number, count: number): Reference[] {
    return this.#held.filter((held) => held.first < first + count && held.last >= first);
  }
}
