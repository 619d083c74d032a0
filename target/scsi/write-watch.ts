import type { BlockRange } from "./block-range.ts";

export type WriteListener = (range: BlockRange) => void;

/** Who wants to hear that blocks of a unit are about to change. Mostly nobody: a write then pays one look. */
export class WriteWatch {
  readonly #listeners = new Set<WriteListener>();

  get isWatched(): boolean {
    return this.#listeners.size > 0;
  }

  listen(listener: WriteListener): void {
    this.#listeners.add(listener);
  }

  ignore(listener: WriteListener): void {
    this.#listeners.delete(listener);
  }

  tell(range: BlockRange): void {
    for (const listener of this.#listeners) listener(range);
  }
}
