/** Records of one kind: JSON under a prefix, all in memory while the controller runs. */
import type { Store } from "./store.ts";

export type Put = readonly [key: string, value: Uint8Array];

export class Records<T extends object> {
  readonly #prefix: string;
  readonly #all = new Map<string, T>();

  constructor(prefix: string) {
    this.#prefix = `${prefix}/`;
  }

  async load(store: Store): Promise<void> {
    for (const [key, value] of await store.range(this.#prefix)) {
      this.#all.set(key.slice(this.#prefix.length), JSON.parse(Buffer.from(value).toString("utf8")) as T);
    }
  }

  get(name: string): T | undefined {
    return this.#all.get(name);
  }
  has(name: string): boolean {
    return this.#all.has(name);
  }
  get isEmpty(): boolean {
    return this.#all.size === 0;
  }
  values(): T[] {
    return [...this.#all.values()];
  }

  entries(): [name: string, record: T][] {
    return [...this.#all];
  }

  /** What to put in a transaction; `learn` after it has committed. */
  put(name: string, record: T): Put {
    return [this.key(name), Buffer.from(JSON.stringify(record))];
  }
  key(name: string): string {
    return this.#prefix + name;
  }
  learn(name: string, record: T | undefined): void {
    if (record === undefined) this.#all.delete(name);
    else this.#all.set(name, record);
  }

  async save(store: Store, name: string, record: T): Promise<void> {
    await store.commit({ puts: [this.put(name, record)] });
    this.learn(name, record);
  }
  async remove(store: Store, name: string): Promise<void> {
    await store.commit({ deletes: [this.key(name)] });
    this.learn(name, undefined);
  }
}
