/** The part of a fault after `on`: KEY=VALUE, several values with commas between them. */
import * as cdbs from "../scsi/cdb.ts";
import type { BlockRange } from "./bad-blocks.ts";
import { OPERATIONS, type Operation, type Selection, type Selector } from "./rule.ts";
import { FaultTextError, oneOf, type Word, type Words } from "./words.ts";

const NAME = "[a-z][a-z0-9-]{0,62}";

/** How each selector reads its value; undefined where it is wrong, which `expected` then tells. */
export const SELECTORS: {
  readonly [Key in Selector]: {
    readonly read: (value: string) => Selection[Key] | undefined;
    readonly expected: string;
    /** What it selects, for docs/faults.md. */
    readonly meaning: string;
  };
} = {
  disk: {
    read: (value) => list(value, new RegExp(`^${NAME}$`)),
    expected: "the name of a disk",
    meaning: "commands to these disks",
  },
  agent: {
    read: (value) => list(value, new RegExp(`^${NAME}$`)),
    expected: "the name of an agent",
    meaning: "what comes through these agents",
  },
  host: {
    read: (value) => list(value, new RegExp(`^${NAME}$`)),
    expected: "the name of a host",
    meaning: "commands of these hosts",
  },
  path: {
    read: (value) => list(value, new RegExp(`^${NAME}/${NAME}$`)),
    expected: "HOST/AGENT",
    meaning: "commands of a host through an agent",
  },
  op: {
    read: (value) => list(value, new RegExp(`^(${OPERATIONS.join("|")})$`)) as readonly Operation[] | undefined,
    expected: oneOf(OPERATIONS),
    meaning: "what kind of command it is",
  },
  lba: {
    read: ranges,
    expected: "a block or a range of blocks, such as 0..2047, or several with commas",
    meaning: "commands that touch one of these blocks of the disk",
  },
  command: {
    read: (value) => known(list(value, /^([a-z][a-z0-9-]*|0x[0-9a-f]{2})$/)),
    expected: "a SCSI command such as read-10 or compare-and-write, or its operation code such as 0x28",
    meaning: "these SCSI commands",
  },
  device: {
    read: (value) => list(value, /^[^,=\s/]+$/),
    expected: "a storage device: its number or its file's name",
    meaning: "storage devices of pools",
  },
  sector: {
    read: ranges,
    expected: "a sector or a range of sectors, such as 2048..4095, or several with commas",
    meaning: "I/O that touches one of these sectors of the device, of 512 bytes each",
  },
  pool: { read: (value) => list(value, new RegExp(`^${NAME}$`)), expected: "the name of a pool", meaning: "pools" },
};

const KEYS = Object.keys(SELECTORS) as readonly Selector[];

/** Every SCSI command of this target as faults write it: `READ(10)` as `read-10`. */
export const COMMAND_NAMES: readonly string[] = [
  ...new Set(
    Object.values(cdbs).flatMap((cdb) => (typeof cdb === "object" && "opcode" in cdb ? [slug(cdb.name)] : [])),
  ),
].sort();

/** A command's name in standards as faults write it. */
export function slug(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replace(/-$/, "");
}

/** Where each selector stood, for what is said of it later. */
export interface Selected {
  readonly selection: Selection;
  readonly places: ReadonlyMap<Selector, Word>;
}

/** Reads selectors until `when` or `do`. @throws FaultTextError */
export function readSelectors(words: Words): Selected {
  const selection: { -readonly [Key in Selector]?: unknown } = {};
  const places = new Map<Selector, Word>();
  while (words.next.text !== "when" && words.next.text !== "do") {
    const word = words.take();
    const at = word.text.indexOf("=");
    const key = KEYS.find((known) => known === word.text.slice(0, Math.max(0, at)));
    if (key === undefined) {
      const begun = places.size > 0 ? ", or 'when' or 'do'" : "";
      throw new FaultTextError(word, `KEY=VALUE with one of ${KEYS.join(", ")}${begun}`);
    }
    if (places.has(key)) throw new FaultTextError(word, `every selector once, several values with commas: ${key}=A,B`);
    const value = { text: word.text.slice(at + 1), column: word.column + at + 1 };
    const read = SELECTORS[key].read(value.text);
    if (read === undefined) throw new FaultTextError(value, SELECTORS[key].expected);
    selection[key] = read;
    places.set(key, word);
  }
  if (places.size === 0) throw new FaultTextError(words.next, `KEY=VALUE with one of ${KEYS.join(", ")} after 'on'`);
  return { selection: selection as Selection, places };
}

function list(value: string, pattern: RegExp): readonly string[] | undefined {
  const items = value.split(",");
  return items.every((item) => pattern.test(item)) ? [...new Set(items)] : undefined;
}

function known(commands: readonly string[] | undefined): readonly string[] | undefined {
  return commands?.every((name) => name.startsWith("0x") || COMMAND_NAMES.includes(name)) ? commands : undefined;
}

/** In ascending order; those that meet are one. */
function ranges(value: string): readonly BlockRange[] | undefined {
  const items = value.split(",").map(range);
  if (!items.every((item) => item !== undefined)) return undefined;
  const merged: BlockRange[] = [];
  for (const item of items.sort((a, b) => a.first - b.first)) {
    const before = merged.at(-1);
    if (before === undefined || item.first > before.last + 1) merged.push(item);
    else merged.splice(-1, 1, { first: before.first, last: Math.max(before.last, item.last) });
  }
  return merged;
}

function range(value: string): BlockRange | undefined {
  const [, first, last] = /^([0-9]{1,15})(?:\.\.([0-9]{1,15}))?$/.exec(value) ?? [];
  if (first === undefined || Number(last ?? first) < Number(first)) return undefined;
  return { first: Number(first), last: Number(last ?? first) };
}
