/**
 * Directories and files in memory that lose what was not synced when power is cut. Names are as a
 * journalling file system has them: their changes survive in their order, up to some one of them, and
 * any sync makes all durable that were made before it.
 */
import type { Chance } from "../../simulation/engine/chance.ts";
import { type Losses, VolatileFile } from "./volatile-file.ts";

export const ROOT = 1;
const DIRECTORY = 0o040000;
const REGULAR = 0o100000;

export interface Node {
  readonly number: number;
  mode: number;
  /** Of a directory. */
  readonly names?: Map<string, number>;
  readonly file?: VolatileFile;
}

/** A name that stands for another node, or none, from then on. */
interface Naming {
  readonly directory: number;
  readonly name: string;
  readonly node: number | undefined;
}

export class VolatileTree {
  readonly #nodes = new Map<number, Node>([[ROOT, { number: ROOT, mode: DIRECTORY | 0o755, names: new Map() }]]);
  /** Names on the medium, by directory. */
  readonly #durable = new Map<number, Map<string, number>>([[ROOT, new Map()]]);
  /** Changes of names that no sync has made durable. */
  #journal: (readonly Naming[])[] = [];
  #last = ROOT;

  node(number: number): Node | undefined {
    return this.#nodes.get(number);
  }
  find(directory: number, name: string): Node | undefined {
    return this.#nodes.get(this.#nodes.get(directory)?.names?.get(name) ?? 0);
  }

  make(directory: number, name: string, mode: number, isDirectory: boolean): Node {
    this.#last += 1;
    const kind = isDirectory ? DIRECTORY : REGULAR;
    const contents = isDirectory ? { names: new Map<string, number>() } : { file: new VolatileFile() };
    const node: Node = { number: this.#last, mode: kind | (mode & 0o7777), ...contents };
    this.#nodes.set(node.number, node);
    if (isDirectory) this.#durable.set(node.number, new Map());
    this.#change([{ directory, name, node: node.number }]);
    return node;
  }

  remove(directory: number, name: string): void {
    this.#change([{ directory, name, node: undefined }]);
  }

  rename(from: number, name: string, to: number, newName: string): void {
    const node = this.#nodes.get(from)?.names?.get(name);
    this.#change([
      { directory: from, name, node: undefined },
      { directory: to, name: newName, node },
    ]);
  }

  /** A file, or a directory, and all names. */
  sync({ file }: Node): void {
    file?.sync();
    for (const change of this.#journal) this.#commit(change);
    this.#journal = [];
  }

  /** Power is lost, and is back: what is there now is what the medium has. */
  cut(chance: Chance): Losses {
    const losses: Losses = { lost: 0, kept: 0, torn: 0 };
    for (const change of this.#journal.slice(0, chance.below(this.#journal.length + 1))) this.#commit(change);
    this.#journal = [];
    for (const { file } of this.#nodes.values()) file?.cut(chance, losses);
    for (const [directory, names] of this.#durable) {
      const now = this.#nodes.get(directory)?.names;
      now?.clear();
      for (const [name, node] of names) now?.set(name, node);
    }
    this.#forgetNameless();
    return losses;
  }

  #change(change: readonly Naming[]): void {
    for (const { directory, name, node } of change) named(this.#nodes.get(directory)?.names, name, node);
    this.#journal.push(change);
  }

  #commit(change: readonly Naming[]): void {
    for (const { directory, name, node } of change) named(this.#durable.get(directory), name, node);
  }

  #forgetNameless(): void {
    const named = new Set([ROOT]);
    for (const directory of named) for (const node of this.#durable.get(directory)?.values() ?? []) named.add(node);
    for (const number of [...this.#nodes.keys()]) {
      if (named.has(number)) continue;
      this.#nodes.delete(number);
      this.#durable.delete(number);
    }
  }
}

function named(names: Map<string, number> | undefined, name: string, node: number | undefined): void {
  if (node === undefined) names?.delete(name);
  else names?.set(name, node);
}
