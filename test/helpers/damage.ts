/** Damage put into a state directory's tables by hand: with SQLite itself, past the controller. */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

export class Damage {
  readonly #database: DatabaseSync;

  constructor(directory: string) {
    this.#database = new DatabaseSync(join(directory, "controller.sqlite"));
  }

  keys(prefix = ""): string[] {
    const rows = this.#database.prepare("SELECT key FROM entries ORDER BY key").all() as { key: string }[];
    return rows.map(({ key }) => key).filter((key) => key.startsWith(prefix));
  }
  get(key: string): Buffer {
    const row = this.#database.prepare("SELECT value FROM entries WHERE key = ?").get(key);
    if (row === undefined) throw new Error(`there is no ${key}`);
    return Buffer.from((row as { value: Uint8Array }).value);
  }
  put(key: string, value: Uint8Array | string): void {
    const bytes = typeof value === "string" ? Buffer.from(value) : value;
    this.#database.prepare("INSERT OR REPLACE INTO entries (key, value) VALUES (?, ?)").run(key, bytes);
  }
  remove(key: string): void {
    this.#database.prepare("DELETE FROM entries WHERE key = ?").run(key);
  }
  /** Fields of a record. */
  edit(key: string, fields: object): void {
    this.put(key, JSON.stringify({ ...(JSON.parse(this.get(key).toString()) as object), ...fields }));
  }
  json<T>(key: string): T {
    return JSON.parse(this.get(key).toString()) as T;
  }
  /** 32-bit words of a root or chunk, changed in place. */
  words(key: string, change: (words: Uint32Array) => void): void {
    const words = new Uint32Array(Uint8Array.from(this.get(key)).buffer);
    change(words);
    this.put(key, new Uint8Array(words.buffer));
  }
  close(): void {
    this.#database.close();
  }
}
