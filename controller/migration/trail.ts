/** What segments have left that were moved is given back while others move: together, what has come meanwhile. */
import type { ReleaseRecord } from "../records.ts";
import type { Releases } from "../space/releases.ts";

/** Batches that may be waiting for it. */
const MOST_WAITING = 4;

export class Trail {
  readonly #releases: Releases;
  #waiting: ReleaseRecord[] = [];
  #work: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(releases: Releases) {
    this.#releases = releases;
  }

  /** Waits where it is too far behind. Rejects with what has failed of what was added before. */
  async add(release: ReleaseRecord): Promise<void> {
    this.#waiting.push(release);
    this.#work ??= this.#giveBack();
    if (this.#waiting.length >= MOST_WAITING) await this.end();
  }

  /** All that was added has been given back. */
  async end(): Promise<void> {
    await this.#work;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #giveBack(): Promise<void> {
    try {
      while (this.#waiting.length > 0) await this.#releases.finish(...this.#waiting.splice(0));
    } catch (error) {
      this.#failure ??= { error };
    } finally {
      this.#work = undefined;
    }
  }
}
