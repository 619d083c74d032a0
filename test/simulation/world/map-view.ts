/** What a store in memory held at one instant. Values are replaced there, and never changed. */
import type { StoreView } from "@sanlab/controller/store/store.ts";

export class MapView implements StoreView {
  readonly #entries: ReadonlyMap<string, Uint8Array>;

  constructor(entries: ReadonlyMap<string, Uint8Array>) {
    this.#entries = new Map(entries);
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const value = this.#entries.get(key);
    return value && Uint8Array.from(value);
  }

  async keys(prefix: string): Promise<string[]> {
    return [...this.#entries.keys()].filter((key) => key.startsWith(prefix)).sort();
  }

  async range(prefix: string): Promise<[string, Uint8Array][]> {
    const keys = await this.keys(prefix);
    return keys.map((key) => [key, Uint8Array.from(this.#entries.get(key) as Uint8Array)]);
  }

  async close(): Promise<void> {}
}
