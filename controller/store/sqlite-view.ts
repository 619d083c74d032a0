/** What the SQLite file held at one instant: a read transaction on a connection of its own, which no writer waits for. */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { StoreView } from "./store.ts";

export class SqliteView implements StoreView {
  readonly #database: DatabaseSync;
  readonly #get: StatementSync;
  readonly #range: StatementSync;
  readonly #keys: StatementSync;

  constructor(path: string, timeout: number) {
    this.#database = new DatabaseSync(path, { readOnly: true, timeout });
    this.#get = this.#database.prepare("SELECT value FROM entries WHERE key = ?");
    this.#range = this.#database.prepare("SELECT key, value FROM entries WHERE key >= ? AND key < ? ORDER BY key");
    this.#keys = this.#database.prepare("SELECT key FROM entries WHERE key >= ? AND key < ? ORDER BY key");
    this.#database.exec("BEGIN");
    // The instant is that of the first read.
    this.#database.prepare("SELECT 1 FROM entries LIMIT 1").get();
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return (this.#get.get(key) as { value: Uint8Array } | undefined)?.value;
  }

  async range(prefix: string): Promise<[string, Uint8Array][]> {
    const rows = this.#range.all(prefix, `${prefix}\u{10ffff}`) as { key: string; value: Uint8Array }[];
    return rows.map(({ key, value }) => [key, value]);
  }

  async keys(prefix: string): Promise<string[]> {
    return (this.#keys.all(prefix, `${prefix}\u{10ffff}`) as { key: string }[]).map(({ key }) => key);
  }

  async close(): Promise<void> {
    if (this.#database.isOpen) this.#database.close();
  }
}
