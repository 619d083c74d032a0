/** A checked scenario file as what the timeline works with (pure). */
import { normalFault } from "node-iscsi-target/injection/parse.ts";
import { duration } from "node-iscsi-target/injection/values.ts";
import { parseSize } from "../lab/size.ts";
import { type Check, ROW_KEYS, type RowKind } from "./checks.ts";
import { countOf, type Quantity, timeOf } from "./quantity.ts";
import {
  DOINGS,
  type RawCondition,
  type RawGuestCommand,
  type RawLoad,
  type RawMemory,
  type RawStep,
  wordsOf,
} from "./raw.ts";
import {
  type Condition,
  DEFAULT_WITHIN_MS,
  type Doing,
  type GuestCommand,
  type LoadSpec,
  type Memory,
  type Step,
} from "./scenario.ts";

const DEFAULT_LOAD = { blockBytes: 4096, blocks: 64, everyMs: 50 } as const;

/** `line` is that of the step in its file, `number` its place in the timeline, from 1. */
export function stepOf(raw: RawStep, number: number, line: number): Step {
  return {
    name: raw.name ?? nameOf(raw),
    line,
    atMs: msOf(raw.at) ?? 0,
    afterMs: msOf(raw.after) ?? 0,
    when: raw.when === undefined ? null : conditionOf(raw.when),
    every:
      raw.every === undefined
        ? null
        : {
            everyMs: msOf(raw.every) ?? 0,
            times: raw.times ?? null,
            until: raw.until === undefined ? null : conditionOf(raw.until),
          },
    withinMs: msOf(raw.within) ?? DEFAULT_WITHIN_MS,
    holdsMs: msOf(raw.holds) ?? 0,
    does: doingOf(raw, number),
  };
}

/** A name under which `clear` and `fault` know the fault of a step that gives none. */
export const faultName = (number: number): string => `step-${number}`;

export function conditionOf(raw: RawCondition): Condition {
  return Object.entries(raw).map(([kind, value]) => {
    if (kind in ROW_KEYS) return rowOf(kind as RowKind, value as Readonly<Record<string, unknown>>);
    const read = CHECKS[kind as keyof typeof CHECKS] as (value: unknown) => Check;
    return read(value);
  });
}

type RawOf<Key extends keyof RawCondition> = NonNullable<RawCondition[Key]>;

const CHECKS: { readonly [Key in Exclude<keyof RawCondition, RowKind>]-?: (raw: RawOf<Key>) => Check } = {
  paths: ({ host, disk, active, total, optimized }) => ({
    kind: "paths",
    host,
    disk,
    active: countOrNull(active),
    total: countOrNull(total),
    optimized: countOrNull(optimized),
  }),
  load: ({ name, since, done, errors, pause, idle, intact }) => ({
    kind: "load",
    name,
    since: since ?? null,
    done: countOrNull(done),
    errors: countOrNull(errors),
    pause: timeOf(pause) ?? null,
    idle: timeOf(idle) ?? null,
    intact: intact === true,
  }),
  command: (raw) => ({ kind: "command", ...commandOf(raw) }),
  contents: ({ host, disk, like, same, equal }) => ({
    kind: "contents",
    host,
    disk,
    like: same === undefined ? { remembered: like ?? "" } : { disk: same },
    equal: equal ?? true,
  }),
  consistent: (value) => ({ kind: "consistent", value }),
};

function rowOf(kind: RowKind, { name, ...rest }: Readonly<Record<string, unknown>>): Check {
  const types = ROW_KEYS[kind] as Readonly<Record<string, "text" | "count" | "size">>;
  const wanted = Object.entries(rest).map(([key, value]) => [key, wantedOf(types[key] ?? "text", value)] as const);
  return { kind, name: typeof name === "string" ? name : "", wanted: Object.fromEntries(wanted) };
}

function wantedOf(type: "text" | "count" | "size", value: unknown): string | Quantity {
  if (type === "text") return String(value);
  if (type === "count") return countOf(value) ?? String(value);
  return { comparison: "=", value: parseSize(String(value)) ?? 0, text: String(value) };
}

function doingOf(raw: RawStep, number: number): Doing {
  const { expect, fault, clear, sanlab, run, load, stop, remember } = raw;
  if (expect !== undefined) return { kind: "expect", condition: conditionOf(expect) };
  if (fault !== undefined) return { kind: "fault", name: raw.as ?? faultName(number), text: normalFault(fault) };
  if (clear !== undefined) return { kind: "clear", fault: clear === "all" ? null : clear };
  if (sanlab !== undefined) {
    return { kind: "sanlab", args: wordsOf(sanlab), exit: raw.exit ?? 0, says: raw.says ?? null };
  }
  if (run !== undefined) return { kind: "run", ...commandOf(run) };
  if (load !== undefined) return { kind: "load", load: loadOf(load) };
  if (stop !== undefined) return { kind: "stop", load: stop };
  if (remember !== undefined) return { kind: "remember", what: memoryOf(remember), as: remember.as };
  throw new Error("a scenario file passed all checks and still has a step that does nothing");
}

function loadOf({ name, host, disk, file, kind, block, blocks, every }: RawLoad): LoadSpec {
  return {
    name,
    host,
    target: disk === undefined ? { file: file ?? "" } : { disk },
    kind: kind ?? "write",
    blockBytes: block === undefined ? DEFAULT_LOAD.blockBytes : (parseSize(block) ?? 0),
    blocks: blocks ?? DEFAULT_LOAD.blocks,
    everyMs: msOf(every) ?? DEFAULT_LOAD.everyMs,
  };
}

function memoryOf({ load, host = "", disk = "" }: RawMemory): Memory {
  return load === undefined ? { host, disk } : { load };
}

function commandOf({ host, command, exit, output }: RawGuestCommand): GuestCommand {
  return { host, command, exit: exit ?? 0, output: output ?? null };
}

function countOrNull(value: number | string | undefined): Quantity | null {
  return value === undefined ? null : (countOf(value) ?? null);
}

function msOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : duration(text);
}

/** What a step without a name is called in reports. */
function nameOf(raw: RawStep): string {
  const key = DOINGS.find((doing) => raw[doing] !== undefined) ?? "expect";
  const value = raw[key];
  if (typeof value === "string") return `${key} ${value}`;
  if (key === "sanlab") return `sanlab ${wordsOf(raw.sanlab ?? "").join(" ")}`;
  if (key === "run") return `run ${raw.run?.command.join(" ")} in ${raw.run?.host}`;
  if (key === "load") return `start load ${raw.load?.name} in ${raw.load?.host}`;
  if (key === "remember") {
    const { load, disk, as } = raw.remember ?? { as: "" };
    return load === undefined ? `remember disk ${disk} as ${as}` : `remember how far load ${load} has come as ${as}`;
  }
  return `expect ${Object.entries(raw.expect ?? {})
    .map(([kind, check]) => `${kind} ${wordsOfCheck(check)}`)
    .join(" and ")}`;
}

function wordsOfCheck(check: unknown): string {
  if (typeof check !== "object" || check === null) return String(check);
  return Object.entries(check)
    .map(([key, value]) => `${key}=${Array.isArray(value) ? value.join(" ") : String(value)}`)
    .join(" ");
}
