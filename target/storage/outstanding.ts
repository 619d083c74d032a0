/**
 * The requests that a device has not answered yet, counted for its close.
 *
 * A request may take several steps (a write and then its sync, zeros written a piece at a time)
 * with nothing under way in between, so its steps cannot tell: the descriptor must stay open until
 * the whole request has been answered.
 */
import type { IoCompletion } from "./block-device.ts";

export class Outstanding {
  #count = 0;
  #whenNone: (() => void)[] = [];
  readonly #ended = (): void => {
    this.#count -= 1;
    if (this.#count > 0) return;
    const resolves = this.#whenNone;
    this.#whenNone = [];
    for (const resolve of resolves) resolve();
  };

  /** Counts a request until it settles. What was answered at once costs nothing. */
  counted(completion: IoCompletion): IoCompletion {
    if (completion instanceof Promise) {
      this.#count += 1;
      completion.then(this.#ended, this.#ended);
    }
    return completion;
  }

  /** Resolves when every request has been answered. */
  none(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenNone.push(resolve));
  }
}
