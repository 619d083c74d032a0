/**
 * The store in one SQLite file: WAL, and an fsync for every commit (synchronous=FULL). Its clients are the
 * processes that have the file open; a lease is a lock on a file beside it, which ends with its process.
 */
import { closeSync, openSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { tryLock } from "node-iscsi-target/storage/syscalls/locks.ts";
import { Refusal } from "../user-error.ts";
import { SqliteView } from "./sqlite-view.ts";
import {
  assertBounded,
  beginTerm,
  type Changed,
  type Lease,
  type Store,
  type StoreView,
  type Transaction,
} from "./store.ts";
import { upgradeFrom1 } from "./upgrade.ts";
import { isSame, Watchers } from "./watchers.ts";

/** Version of what is stored, in SQLite's user_version. */
export const STORE_VERSION = 3;

/** How long another process may hold the file for a commit of its own. */
const BUSY_LIMIT_MS = 5000;
/** How often a watched file is asked whether another process has changed it; an answer costs some microseconds. */
const LOOK_EVERY_MS = 200;

export class SqliteStore implements Store {
  readonly #path: string;
  readonly #watchers = new Watchers((prefix) => this.#rows(prefix));
  readonly #locks = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #version = 0;
  readonly #database: DatabaseSync;
  readonly #get: StatementSync;
  readonly #range: StatementSync;
  readonly #put: StatementSync;
  readonly #delete: StatementSync;

  /** @throws Refusal where the file was written by a newer version. */
  constructor(path: string, options: { readOnly?: boolean } = {}) {
    this.#path = path;
    this.#database = new DatabaseSync(path, { readOnly: options.readOnly ?? false, timeout: BUSY_LIMIT_MS });
    const { user_version: version } = this.#database.prepare("PRAGMA user_version").get() as { user_version: number };
    if (version > STORE_VERSION) {
      this.#database.close();
      throw new Refusal(
        "newer-version",
        `${path} was written by a newer sanlab (format ${version}, this one knows ${STORE_VERSION}); use that version, or another state directory.`,
      );
    }
    if (!options.readOnly) this.#upgraded(version);
    this.#get = this.#database.prepare("SELECT value FROM entries WHERE key = ?");
    this.#range = this.#database.prepare("SELECT key, value FROM entries WHERE key >= ? AND key < ? ORDER BY key");
    // A value that is as long as the one before is written over it: only pages that differ go into the log.
    this.#put = this.#database.prepare(
      "INSERT INTO entries (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    );
    this.#delete = this.#database.prepare("DELETE FROM entries WHERE key = ?");
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#value(key);
  }

  async range(prefix: string): Promise<[string, Uint8Array][]> {
    return this.#rows(prefix);
  }

  async view(): Promise<StoreView> {
    return new SqliteView(this.#path, BUSY_LIMIT_MS);
  }

  async commit(transaction: Transaction): Promise<boolean> {
    assertBounded(transaction);
    const { compares = [], puts = [], deletes = [] } = transaction;
    const done = this.#commit(compares, puts, deletes);
    if (done && !this.#watchers.isEmpty) this.#watchers.look([...puts.map(([key]) => key), ...deletes]);
    return done;
  }

  watch(prefix: string, heard: (changes: readonly Changed[]) => void): () => void {
    const end = this.#watchers.add(prefix, heard);
    if (this.#timer === undefined) {
      this.#version = this.#dataVersion();
      this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS).unref();
    }
    return end;
  }

  async lease(name: string): Promise<Lease | undefined> {
    if (this.#locks.has(name)) return undefined;
    const lock = openSync(join(dirname(this.#path), `${name}.lock`), "a", 0o600);
    if (!tryLock(lock, "exclusive")) {
      closeSync(lock);
      return undefined;
    }
    this.#locks.set(name, lock);
    return { term: await beginTerm(this, name), release: async () => this.#unlock(name) };
  }

  #commit(
    compares: NonNullable<Transaction["compares"]>,
    puts: NonNullable<Transaction["puts"]>,
    deletes: readonly string[],
  ): boolean {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      const holds = compares.every(([key, value]) => isSame(this.#value(key), value));
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
    clearInterval(this.#timer);
    this.#watchers.clear();
    if (this.#database.isOpen) this.#database.close();
    for (const name of [...this.#locks.keys()]) this.#unlock(name);
  }

  #unlock(name: string): void {
    const lock = this.#locks.get(name);
    this.#locks.delete(name);
    if (lock !== undefined) closeSync(lock);
  }

  /** Another process has changed something, or not. */
  #look(): void {
    const version = this.#dataVersion();
    if (version === this.#version) return;
    this.#version = version;
    this.#watchers.look();
  }

  #dataVersion(): number {
    return (this.#database.prepare("PRAGMA data_version").get() as { data_version: number }).data_version;
  }

  #rows(prefix: string): [string, Uint8Array][] {
    const rows = this.#range.all(prefix, `${prefix}\u{10ffff}`) as { key: string; value: Uint8Array }[];
    return rows.map(({ key, value }) => [key, value]);
  }

  #value(key: string): Uint8Array | undefined {
    return (this.#get.get(key) as { value: Uint8Array } | undefined)?.value;
  }

  /** What an older version has written is not changed under a controller of that version. @throws Refusal */
  #upgraded(version: number): void {
    if (version !== 1) return this.#prepare(version);
    const lock = openSync(join(dirname(this.#path), "controller.lock"), "a", 0o600);
    try {
      if (!tryLock(lock, "exclusive")) {
        this.#database.close();
        throw new Refusal(
          "in-use",
          `A controller of an older version runs on ${this.#path}; stop it before this one is used.`,
        );
      }
      this.#prepare(version);
    } finally {
      closeSync(lock);
    }
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
