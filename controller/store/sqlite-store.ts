/** The store in one SQLite file: WAL, and an fsync for every commit (synchronous=FULL). */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { Refusal } from "../user-error.ts";
import type { Store, Transaction } from "./store.ts";
import { upgradeFrom1 } from "./upgrade.ts";

/** Version of what is stored, in SQLite's user_version. */
export const STORE_VERSION = 2;

export class SqliteStore implements Store {
  readonly #database: DatabaseSync;
  readonly #get: StatementSync;
  readonly #range: StatementSync;
  readonly #put: StatementSync;
  readonly #delete: StatementSync;

  /** @throws Refusal where the file was written by a newer version. */
  constructor(path: string, options: { readOnly?: boolean } = {}) {
    this.#database = new DatabaseSync(path, { readOnly: options.readOnly ?? false });
    const { user_version: version } = this.#database.prepare("PRAGMA user_version").get() as { user_version: number };
    if (version > STORE_VERSION) {
      this.#database.close();
      throw new Refusal(
        "newer-version",
        `${path} was written by a newer sanlab (format ${version}, this one knows ${STORE_VERSION}); use that version, or another state directory.`,
      );
    }
    if (!options.readOnly) this.#prepare(version);
    this.#get = this.#database.prepare("SELECT value FROM entries WHERE key = ?");
    this.#range = this.#database.prepare("SELECT key, value FROM entries WHERE key >= ? AND key < ? ORDER BY key");
    this.#put = this.#database.prepare("INSERT OR REPLACE INTO entries (key, value) VALUES (?, ?)");
    this.#delete = this.#database.prepare("DELETE FROM entries WHERE key = ?");
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#value(key);
  }

  async range(prefix: string): Promise<[string, Uint8Array][]> {
    const rows = this.#range.all(prefix, `${prefix}\u{10ffff}`) as { key: string; value: Uint8Array }[];
    return rows.map(({ key, value }) => [key, value]);
  }

  async commit({ compares = [], puts = [], deletes = [] }: Transaction): Promise<boolean> {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      const holds = compares.every(([key, value]) => same(this.#value(key), value));
      if (holds) {
        for (const key of deletes) this.#delete.run(key);
        for (const [key, value] of puts) this.#put.run(key, value);
      }
      this.#database.exec(holds ? "COMMIT" : "ROLLBACK");
      return holds;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  /** All of it as it is now, into a file that is not there yet. */
  copyTo(path: string): void {
    this.#database.prepare("VACUUM INTO ?").run(path);
  }

  async close(): Promise<void> {
    this.#database.close();
  }

  #value(key: string): Uint8Array | undefined {
    return (this.#get.get(key) as { value: Uint8Array } | undefined)?.value;
  }

  #prepare(version: number): void {
    this.#database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    this.#database.exec("CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID");
    if (version === STORE_VERSION) return;
    this.#database.exec("BEGIN IMMEDIATE");
    if (version === 1) upgradeFrom1(this.#database);
    this.#database.exec(`PRAGMA user_version = ${STORE_VERSION}; COMMIT`);
  }
}

function same(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : Buffer.compare(a, b) === 0;
}
