/** The part of a fault after `do`, and what each effect may and must be selected by. */
import type { Effect, EffectKind, Occasion, Selector } from "./rule.ts";
import { senseOf } from "./sense-names.ts";
import { DURATION_FORMAT, duration, size } from "./values.ts";
import { FaultTextError, oneOf, type Word, type Words } from "./words.ts";

/** One row of the table of effects. */
export interface EffectDefinition {
  /** What follows its name; empty: nothing. */
  readonly value: string;
  /** What it does, for docs/faults.md. */
  readonly meaning: string;
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

function ofCommand(value: string, meaning: string, read: EffectDefinition["read"]): EffectDefinition {
  return { value, meaning, read, selectors: PATH_SELECTORS, occasions: OCCASIONS, counts: true };
}

function plain<const Kind extends EffectKind>(kind: Kind): () => Effect {
  return () => ({ kind }) as Effect;
}

/** Something that stands from `from` to `until`, or until the fault is cleared. */
function state(
  kind: EffectKind,
  meaning: string,
  required: Selector,
  others: readonly Selector[] = [],
): EffectDefinition {
  const selectors = [required, ...others];
  const occasions = ["from", "until"] as const;
  return { value: "", meaning, read: plain(kind), selectors, required, occasions, counts: false };
}

/** Something that happens once. */
function event(kind: EffectKind, meaning: string, required: Selector | undefined): EffectDefinition {
  const target = required === undefined ? { selectors: [] } : { selectors: [required], required };
  return { value: "", meaning, read: plain(kind), ...target, occasions: ["from"], counts: false };
}

export const EFFECTS: { readonly [Kind in EffectKind]: EffectDefinition } = {
  sense: ofCommand(
    "KEY/NAME or K/ASC/ASCQ",
    "the command ends with CHECK CONDITION and this sense, by name or by three bytes in hexadecimal; nothing is done",
    (words) => ({ kind: "sense", ...senseOf(words.take()) }),
  ),
  busy: ofCommand("", "the command ends with status BUSY", plain("busy")),
  "task-set-full": ofCommand("", "the command ends with status TASK SET FULL", plain("task-set-full")),
  "reservation-conflict": ofCommand(
    "",
    "the command ends with status RESERVATION CONFLICT",
    plain("reservation-conflict"),
  ),
  delay: ofCommand(
    "TIME or TIME..TIME",
    "the command begins so much later; of a range, the time is drawn",
    (words) => ({
      kind: "delay",
      ...delay(words.take()),
    }),
  ),
  stuck: ofCommand("", "the command waits until the fault is cleared", plain("stuck")),
  "drop-connection": ofCommand(
    "",
    "the TCP connection that brought the command is reset, and the command never begins",
    plain("drop-connection"),
  ),
  "lose-write": ofCommand("", "the write is answered with GOOD and never reaches the disk", plain("lose-write")),
  "lose-response": ofCommand("", "the command is carried out and never answered", plain("lose-response")),
  "damage-digest": ofCommand(
    "",
    "the next digest that the session is sent is wrong; only sessions that negotiated digests match",
    plain("damage-digest"),
  ),
  "short-data": ofCommand("SIZE", "at most so much of the data comes, with the residual that tells", (words) => ({
    kind: "short-data",
    bytes: shortData(words.take()),
  })),
  "bad-blocks": {
    value: "",
    meaning: "the blocks of `lba` cannot be read (medium-error/unrecovered-read-error) until they are written anew",
    read: plain("bad-blocks"),
    selectors: ["disk", "agent", "host", "path", "lba"],
    required: "lba",
    occasions: ["from", "until"],
    counts: false,
  },
  throughput: ofCommand(
    "SIZE/s",
    "all commands of the fault together move no more than so much in a second",
    (words) => ({
      kind: "throughput",
      bytesPerSecond: rate(words.take()),
    }),
  ),
  "device-error": {
    value: "",
    meaning: "the storage device fails the I/O with an error of its medium",
    read: plain("device-error"),
    selectors: ["device", "sector", "agent", "op"],
    required: "device",
    occasions: OCCASIONS,
    counts: true,
  },
  "device-loss": state("device-loss", "the storage device answers nothing any more", "device", ["agent"]),
  "portal-down": state("portal-down", "the agent listens no more, and its sessions are cut", "agent"),
  "agent-pause": state("agent-pause", "the agent's process is stopped (SIGSTOP)", "agent"),
  "agent-cut": state("agent-cut", "the agent's connection to the controller is cut", "agent"),
  "pool-full": state("pool-full", "the pool has no free segment", "pool"),
  "agent-kill": event("agent-kill", "the agent's process is killed; the supervisor starts another", "agent"),
  "controller-kill": event("controller-kill", "the controller is killed; the supervisor starts another", undefined),
  "power-cut": event("power-cut", "the guest's power is cut; it stays off", "host"),
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
