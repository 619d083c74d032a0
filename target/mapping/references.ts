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
}

export class References {
  readonly #held = new Set<Reference>();

  /** Holds segments `first` to `last` until the I/O has ended. */
  hold<T>(first: number, last: number, ended: Promise<T>): Promise<T> {
    const reference = { first, last, ended };
    this.#held.add(reference);
    const release = () => void this.#held.delete(reference);
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
  #on(first: number, count: number): Reference[] {
    return [...this.#held].filter((held) => held.first < first + count && held.last >= first);
  }
}
