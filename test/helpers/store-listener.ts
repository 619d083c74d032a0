/** What checks of a store put into it, and who listens to what changes. */
import assert from "node:assert/strict";
import type { Changed } from "@sanlab/controller/store/store.ts";

/** How long another client may take to hear of a change, ms. */
const HEARD_WITHIN_MS = 10_000;

export const bytes = (text: string) => new Uint8Array(Buffer.from(text));
export const text = (value: Uint8Array | undefined) =>
  value === undefined ? undefined : Buffer.from(value).toString();

/** What was heard, key by key, the last state of each. */
export class Listener {
  readonly last = new Map<string, string | undefined>();
  calls = 0;
  readonly hear = (changes: readonly Changed[]): void => {
    this.calls += 1;
    for (const [key, value] of changes) this.last.set(key, text(value));
  };

  async until(key: string, value: string | undefined): Promise<void> {
    const end = performance.now() + HEARD_WITHIN_MS;
    while (!this.last.has(key) || this.last.get(key) !== value) {
      assert.ok(performance.now() < end, `nobody told that ${key} is ${value}; it was told as ${this.last.get(key)}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}
