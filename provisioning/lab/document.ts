import {
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  type ParsedNode,
  parseDocument,
} from "yaml";
import type { LabProblem } from "./problem.ts";

/** Keys and list indices from the file's top to a value. */
export type Path = readonly (string | number)[];

/** A YAML (or JSON) file with the line of every key and value in it. */
export class LabDocument {
  /** The contents as plain values; what YAML could not read is missing in it. */
  readonly value: unknown;
  /** Where the text is no YAML, or has a key twice. */
  readonly problems: readonly LabProblem[];
  readonly #contents: ParsedNode | null;
  readonly #lines = new LineCounter();

  constructor(text: string) {
    const document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, uniqueKeys: false });
    this.#contents = document.contents;
    this.problems = [
      ...document.errors.map((error) => ({
        line: this.#lines.linePos(error.pos[0]).line,
        at: "",
        found: sentencePart(error.message),
        expected: "YAML or JSON",
      })),
      ...this.#duplicates(document.contents, []),
    ];
    this.value = document.errors.length > 0 ? undefined : document.toJS();
  }

  /** The line of the value at `path`, or of the nearest thing above it that is there. Lines count from 1. */
  lineOf(path: Path): number {
    let node: unknown = this.#contents;
    let line = this.#lineAt(node) ?? 1;
    for (const step of path) {
      const pair = isMap(node) ? node.items.findLast((item) => keyText(item) === String(step)) : undefined;
      const next = pair === undefined ? (isSeq(node) ? node.items[Number(step)] : undefined) : pair.value;
      line = this.#lineAt(isScalarOrFlow(next) ? next : (pair?.key ?? next)) ?? this.#lineAt(pair?.key) ?? line;
      node = next;
    }
    return line;
  }

  /** The line of the key at `path`. */
  lineOfKey(path: Path): number {
    const parent = this.#nodeAt(path.slice(0, -1));
    const pair = isMap(parent) ? parent.items.findLast((item) => keyText(item) === String(path.at(-1))) : undefined;
    return this.#lineAt(pair?.key) ?? this.lineOf(path);
  }

  #nodeAt(path: Path): unknown {
    let node: unknown = this.#contents;
    for (const step of path) {
      if (isMap(node)) node = node.items.findLast((item) => keyText(item) === String(step))?.value;
      else node = isSeq(node) ? node.items[Number(step)] : undefined;
    }
    return node;
  }

  #lineAt(node: unknown): number | undefined {
    const offset = isNode(node) ? node.range?.[0] : undefined;
    return offset === undefined ? undefined : this.#lines.linePos(offset).line;
  }

  *#duplicates(node: unknown, path: Path): Generator<LabProblem> {
    if (isSeq(node)) for (const [index, item] of node.items.entries()) yield* this.#duplicates(item, [...path, index]);
    if (!isMap(node)) return;
    const first = new Map<string, Node>();
    for (const pair of node.items) {
      const key = keyText(pair);
      const earlier = first.get(key);
      if (earlier === undefined) first.set(key, pair.key as Node);
      else {
        yield {
          line: this.#lineAt(pair.key) ?? 1,
          at: pathText([...path, key]),
          found: `'${key}' a second time (first in line ${this.#lineAt(earlier)})`,
          expected: "every name once",
        };
      }
      yield* this.#duplicates(pair.value, [...path, key]);
    }
  }
}

export function pathText(path: Path): string {
  return path
    .map((step, index) => (typeof step === "number" ? `[${step}]` : `${index === 0 ? "" : "."}${step}`))
    .join("");
}

function keyText(pair: Pair<unknown, unknown>): string {
  return isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
}

/** A block mapping or list begins on the line after its key; people look for the key. */
function isScalarOrFlow(node: unknown): boolean {
  return isScalar(node) || ((isMap(node) || isSeq(node)) && node.flow === true);
}

function sentencePart(message: string): string {
  return (message.split("\n", 1)[0] ?? message).replace(/[.:]$/, "");
}
