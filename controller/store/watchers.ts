/** Who watches a store: told what is otherwise than when it was last looked at. */
import type { Changed } from "./store.ts";

type Read = (prefix: string) => readonly (readonly [key: string, value: Uint8Array])[];

interface Watcher {
  readonly prefix: string;
  readonly heard: (changes: readonly Changed[]) => void;
  known: Map<string, Uint8Array>;
}

export class Watchers {
  readonly #read: Read;
  readonly #all = new Set<Watcher>();

  /** `read`: all keys of a prefix as they are now. Values of watched keys are kept: few are watched. */
  constructor(read: Read) {
    this.#read = read;
  }

  get isEmpty(): boolean {
    return this.#all.size === 0;
  }

  add(prefix: string, heard: (changes: readonly Changed[]) => void): () => void {
    const watcher: Watcher = { prefix, heard, known: new Map(this.#read(prefix)) };
    this.#all.add(watcher);
    return () => void this.#all.delete(watcher);
  }

  clear(): void {
    this.#all.clear();
  }

  /** Something may have changed; `keys`: only these. */
  look(keys?: readonly string[]): void {
    for (const watcher of [...this.#all]) {
      const { prefix, known, heard } = watcher;
      if (keys?.some((key) => key.startsWith(prefix)) === false) continue;
      const now = new Map(this.#read(prefix));
      const gone: Changed[] = [...known.keys()].filter((key) => !now.has(key)).map((key) => [key, undefined]);
      const changed = [...now].filter(([key, value]) => !isSame(known.get(key), value));
      watcher.known = now;
      if (gone.length + changed.length > 0) heard([...gone, ...changed]);
    }
  }
}

export function isSame(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : Buffer.compare(a, b) === 0;
}
