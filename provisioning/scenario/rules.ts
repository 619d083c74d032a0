/** What must hold in a timeline beyond its schema (pure). */
import type { Path } from "../lab/document.ts";
import { checkFaultText, type LabNames, unknownName } from "../lab/fault-rule.ts";
import type { Report } from "../lab/rules.ts";
import {
  DOINGS,
  type DoingKey,
  disksIn,
  type RawCondition,
  type RawLoad,
  type RawMemory,
  type RawStep,
  wordsOf,
} from "./raw.ts";
import { faultName } from "./read.ts";

/** What is wrong with the words of a `sanlab` step, where something is. */
export type CheckVerb = (words: readonly string[]) => Promise<string | undefined>;

/** What a timeline has named by the time of a step. */
interface Known {
  readonly lab: LabNames;
  /** Of disks and agents that commands of the timeline make. */
  readonly made: Set<string>;
  readonly loads: Set<string>;
  readonly faults: Set<string>;
  /** Faults that are added again and again: one that was cleared comes back. */
  readonly repeated: Set<string>;
  readonly remembered: Set<string>;
  /** Of loads. */
  readonly marks: Set<string>;
}

/** All that is wrong with the steps, each in the order of the file. */
export async function checkTimeline(
  steps: readonly RawStep[],
  at: Path,
  lab: LabNames,
  checkVerb: CheckVerb,
  report: Report,
): Promise<void> {
  const known: Known = {
    lab,
    made: new Set(),
    loads: new Set(),
    faults: new Set(lab.faults),
    repeated: new Set(),
    remembered: new Set(),
    marks: new Set(),
  };
  for (const [index, step] of steps.entries()) {
    const path = [...at, index];
    checkShape(step, path, report);
    if (step.sanlab !== undefined) {
      const isQuoted = typeof step.sanlab === "string" && /(^|[\s=])["']/.test(step.sanlab);
      const problem = isQuoted
        ? "a list of words where there are quotes: no shell reads them"
        : await checkVerb(wordsOf(step.sanlab));
      if (problem !== undefined) report([...path, "sanlab"], shortened(wordsOf(step.sanlab).join(" ")), problem);
      for (const word of wordsOf(step.sanlab)) known.made.add(word);
    }
    checkNames(step, path, known, report);
    if (step.clear !== undefined) forgetCleared(step.clear, known);
    if (step.fault !== undefined) {
      checkFaultText(step.fault, [...path, "fault"], withMade(known), report);
      const name = step.as ?? faultName(index + 1);
      known.faults.add(name);
      if (step.every !== undefined) known.repeated.add(name);
    }
  }
}

/** Steps that follow cannot ask for a fault that is gone. */
function forgetCleared(name: string, { faults, repeated }: Known): void {
  for (const one of name === "all" ? [...faults] : [name]) if (!repeated.has(one)) faults.delete(one);
}

/** Keys that go with some doings only. */
const GOES_WITH: Readonly<Partial<Record<keyof RawStep, readonly DoingKey[]>>> = {
  as: ["fault"],
  exit: ["sanlab"],
  says: ["sanlab"],
  holds: ["expect"],
};

function checkShape(step: RawStep, path: Path, report: Report): void {
  const doings = DOINGS.filter((key) => step[key] !== undefined);
  const [doing] = doings;
  if (doings.length !== 1 || doing === undefined) {
    const found = doings.length === 0 ? "a step that does nothing" : `${doings.join(" and ")} in one step`;
    return report(path, found, `exactly one of ${DOINGS.join(", ")}`);
  }
  for (const [key, allowed] of Object.entries(GOES_WITH)) {
    if (step[key as keyof RawStep] === undefined || allowed.includes(doing)) continue;
    report([...path, key], `'${key}' beside '${doing}'`, `'${key}' with ${allowed.join(" or ")} only`);
  }
  for (const key of ["times", "until"] as const) {
    if (step[key] !== undefined && step.every === undefined)
      report([...path, key], `'${key}' alone`, "'every' with it");
  }
  if (step.every !== undefined && doing === "expect") {
    report(
      [...path, "every"],
      "'every' beside 'expect'",
      "an expectation once, with 'holds' where it is to hold for a while",
    );
  }
  if (step.remember !== undefined) checkMemory(step.remember, [...path, "remember"], report);
  if (step.load !== undefined) checkLoad(step.load, [...path, "load"], report);
  for (const key of ["expect", "when", "until"] as const) {
    const condition = step[key];
    if (condition !== undefined) checkCondition(condition, [...path, key], report);
  }
  if (step.run?.output !== undefined) checkExpression(step.run.output, [...path, "run", "output"], report);
  if (step.says !== undefined) checkExpression(step.says, [...path, "says"], report);
}

function checkLoad({ disk, file, block }: RawLoad, path: Path, report: Report): void {
  if ((disk === undefined) === (file === undefined)) {
    report(path, disk === undefined ? "neither disk nor file" : "disk and file", "one of them");
  }
  const units: Readonly<Record<string, boolean>> = { "4KiB": true, "64KiB": true, "1MiB": true };
  if (block !== undefined && units[block.replace(" ", "")] === undefined) {
    report([...path, "block"], `'${block}'`, `one of ${Object.keys(units).join(", ")}`);
  }
}

function checkMemory({ load, host, disk }: RawMemory, path: Path, report: Report): void {
  const isDisk = host !== undefined && disk !== undefined && load === undefined;
  const isLoad = host === undefined && disk === undefined && load !== undefined;
  if (isDisk || isLoad) return;
  const found = Object.entries({ load, host, disk }).flatMap(([key, value]) => (value === undefined ? [] : [key]));
  report(path, `'as' with ${found.join(" and ") || "nothing"}`, "'host' and 'disk', or 'load'");
}

function checkCondition({ contents, command }: RawCondition, path: Path, report: Report): void {
  if (contents !== undefined && (contents.like === undefined) === (contents.same === undefined)) {
    report([...path, "contents"], "contents like nothing, or like two things", "one of 'like' and 'same'");
  }
  if (command?.output !== undefined) checkExpression(command.output, [...path, "command", "output"], report);
}

function checkExpression(text: string, path: Path, report: Report): void {
  try {
    new RegExp(text, "m");
  } catch {
    report(path, `'${text}'`, "a regular expression");
  }
}

function checkNames(step: RawStep, path: Path, known: Known, report: Report): void {
  const uses = namesUsed(step, path);
  if (step.load !== undefined) known.loads.add(step.load.name);
  if (step.remember !== undefined)
    (step.remember.load === undefined ? known.remembered : known.marks).add(step.remember.as);
  for (const { kind, name, at } of uses) {
    const names = NAMES[kind](known);
    if (names.includes(name)) continue;
    if (kind === "guest" && known.lab.hosts.includes(name)) {
      report(at, `the external host '${name}'`, "a guest of the lab: nothing can be run in others' machines from here");
    } else report(at, ...unknownName(kind, name, names));
  }
}

type UseKind = "guest" | "disk" | "agent" | "pool" | "load" | "fault" | "memory" | "mark";
interface Use {
  readonly kind: UseKind;
  readonly name: string;
  readonly at: Path;
}

const NAMES: { readonly [Kind in UseKind]: (known: Known) => readonly string[] } = {
  guest: ({ lab }) => lab.guests,
  disk: (known) => withMade(known).disks,
  agent: (known) => withMade(known).agents,
  pool: (known) => withMade(known).pools,
  load: ({ loads }) => [...loads],
  fault: ({ faults }) => [...faults],
  memory: ({ remembered }) => [...remembered],
  mark: ({ marks }) => [...marks],
};

function namesUsed(step: RawStep, path: Path): Use[] {
  const use = (kind: UseKind, name: string | undefined, ...keys: string[]): Use[] =>
    name === undefined ? [] : [{ kind, name, at: [...path, ...keys] }];
  return [
    ...use("fault", step.clear === "all" ? undefined : step.clear, "clear"),
    ...use("load", step.stop, "stop"),
    ...use("guest", step.run?.host, "run", "host"),
    ...(step.run?.command ?? []).flatMap(disksIn).flatMap((disk) => use("disk", disk, "run", "command")),
    ...use("guest", step.load?.host, "load", "host"),
    ...use("disk", step.load?.disk, "load", "disk"),
    ...use("guest", step.remember?.host, "remember", "host"),
    ...use("disk", step.remember?.disk, "remember", "disk"),
    ...use("load", step.remember?.load, "remember", "load"),
    ...(["expect", "when", "until"] as const).flatMap((key) => {
      const condition = step[key];
      return condition === undefined ? [] : namesInCondition(condition, [...path, key]);
    }),
  ];
}

function namesInCondition(condition: RawCondition, path: Path): Use[] {
  const { paths, load, command, contents, agent, guest, fault, disk, pool } = condition;
  const use = (kind: UseKind, name: unknown, ...keys: string[]): Use[] =>
    typeof name === "string" ? [{ kind, name, at: [...path, ...keys] }] : [];
  return [
    ...use("guest", paths?.host, "paths", "host"),
    ...use("disk", paths?.disk, "paths", "disk"),
    ...use("load", load?.name, "load", "name"),
    ...use("mark", load?.since, "load", "since"),
    ...use("guest", command?.host, "command", "host"),
    ...(command?.command ?? []).flatMap(disksIn).flatMap((disk) => use("disk", disk, "command", "command")),
    ...use("guest", contents?.host, "contents", "host"),
    ...use("disk", contents?.disk, "contents", "disk"),
    ...use("disk", contents?.same, "contents", "same"),
    ...use("memory", contents?.like, "contents", "like"),
    ...use("agent", agent?.name, "agent", "name"),
    ...use("guest", guest?.name, "guest", "name"),
    ...use("fault", fault?.name, "fault", "name"),
    ...use("disk", disk?.name, "disk", "name"),
    ...use("pool", pool?.name, "pool", "name"),
  ];
}

function withMade({ lab, made }: Known): LabNames {
  const more = [...made];
  return {
    ...lab,
    disks: [...lab.disks, ...more],
    agents: [...lab.agents, ...more],
    pools: [...lab.pools, ...more],
    devices: [...lab.devices, ...more],
  };
}

function shortened(text: string): string {
  return `'${text.length > 60 ? `${text.slice(0, 57)}...` : text}'`;
}
