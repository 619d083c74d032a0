/** The part of a fault after `do`, and what each effect may and must be selected by. */
import type { Effect, EffectKind, Occasion, Selector } from "./rule.ts";
import { senseOf } from "./sense-names.ts";
import { DURATION_FORMAT, duration, size } from "./values.ts";
import { FaultTextError, oneOf, type Word, type Words } from "./words.ts";

/** One row of the table of effects. */
export interface EffectDefinition {
  /** What is done with the words after its name. */
  readonly read: (words: Words) => Effect;
  readonly selectors: readonly Selector[];
  readonly required?: Selector;
  readonly occasions: readonly (keyof Occasion)[];
  /** `from` and `until` count matches as well as time. */
  readonly counts: boolean;
}

const OCCASIONS = ["from", "until", "every", "probability", "first", "seed"] as const;
const PATH_SELECTORS = ["disk", "agent", "host", "path", "op", "lba", "command"] as const;

function ofCommand(read: EffectDefinition["read"]): EffectDefinition {
  return { read, selectors: PATH_SELECTORS, occasions: OCCASIONS, counts: true };
}

function plain<const Kind extends EffectKind>(kind: Kind): () => Effect {
  return () => ({ kind }) as Effect;
}

/** Something that stands from `from` to `until`, or until the fault is cleared. */
function state(kind: EffectKind, required: Selector, others: readonly Selector[] = []): EffectDefinition {
  const selectors = [required, ...others];
  return { read: plain(kind), selectors, required, occasions: ["from", "until"], counts: false };
}

/** Something that happens once. */
function event(kind: EffectKind, required: Selector | undefined, occasions: readonly "from"[]): EffectDefinition {
  const target = required === undefined ? { selectors: [] } : { selectors: [required], required };
  return { read: plain(kind), ...target, occasions, counts: false };
}

export const EFFECTS: { readonly [Kind in EffectKind]: EffectDefinition } = {
  sense: ofCommand((words) => ({ kind: "sense", ...senseOf(words.take()) })),
  busy: ofCommand(plain("busy")),
  "task-set-full": ofCommand(plain("task-set-full")),
  "reservation-conflict": ofCommand(plain("reservation-conflict")),
  delay: ofCommand((words) => ({ kind: "delay", ...delay(words.take()) })),
  stuck: ofCommand(plain("stuck")),
  "drop-connection": ofCommand(plain("drop-connection")),
  "lose-write": ofCommand(plain("lose-write")),
  "lose-response": ofCommand(plain("lose-response")),
  "damage-digest": ofCommand(plain("damage-digest")),
  "short-data": ofCommand((words) => ({ kind: "short-data", bytes: shortData(words.take()) })),
  throughput: ofCommand((words) => ({ kind: "throughput", bytesPerSecond: rate(words.take()) })),
  "device-error": {
    read: plain("device-error"),
    selectors: ["device", "agent", "op"],
    required: "device",
    occasions: OCCASIONS,
    counts: true,
  },
  "device-loss": state("device-loss", "device", ["agent"]),
  "portal-down": state("portal-down", "agent"),
  "agent-pause": state("agent-pause", "agent"),
  "agent-cut": state("agent-cut", "agent"),
  "pool-full": state("pool-full", "pool"),
  "agent-kill": event("agent-kill", "agent", ["from"]),
  "controller-kill": event("controller-kill", undefined, ["from"]),
  "power-cut": event("power-cut", "host", []),
};

const KINDS = Object.keys(EFFECTS) as readonly EffectKind[];

/** @throws FaultTextError */
export function readEffect(words: Words): Effect {
  const word = words.take();
  const kind = KINDS.find((known) => known === word.text);
  if (kind === undefined) throw new FaultTextError(word, oneOf(KINDS));
  return EFFECTS[kind].read(words);
}

function delay(word: Word): { minMs: number; maxMs: number } {
  const [least, most, ...rest] = word.text.split("..");
  const minMs = duration(least ?? "");
  const maxMs = most === undefined ? minMs : duration(most);
  if (rest.length > 0 || minMs === undefined || maxMs === undefined || maxMs < minMs) {
    throw new FaultTextError(word, `${DURATION_FORMAT}, or a range of times such as 10ms..200ms`);
  }
  return { minMs, maxMs };
}

function shortData(word: Word): number {
  const bytes = word.text === "0B" ? 0 : size(word.text);
  if (bytes === undefined) throw new FaultTextError(word, "how much of the data comes, such as 512B or 0B");
  return bytes;
}

function rate(word: Word): number {
  const bytes = word.text.endsWith("/s") ? size(word.text.slice(0, -2)) : undefined;
  if (bytes === undefined) throw new FaultTextError(word, "a rate such as 10MiB/s");
  return bytes;
}
