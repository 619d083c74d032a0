/** What must hold in a timeline of its steps together (pure). */
import { duration } from "node-iscsi-target/injection/values.ts";
import type { Path } from "../lab/document.ts";
import type { LabNames } from "../lab/fault-rule.ts";
import type { Report } from "../lab/rules.ts";
import { disksIn, type RawStep, wordsOf } from "./raw.ts";

/** A time that can never come, a load that is there already, a disk that its host is not shown. */
export function checkSequence(
  steps: readonly RawStep[],
  at: Path,
  lab: LabNames,
  limitMs: number,
  report: Report,
): void {
  checkTimes(steps, at, limitMs, report);
  checkLoads(steps, at, report);
  checkShown(steps, at, lab, report);
}

function checkTimes(steps: readonly RawStep[], at: Path, limitMs: number, report: Report): void {
  let latest: string | undefined;
  for (const [index, { at: time, every }] of steps.entries()) {
    const path = [...at, index];
    if (every !== undefined && msOf(every) === 0) report([...path, "every"], `'${every}'`, "a time above 0");
    if (time === undefined) continue;
    if (msOf(time) >= limitMs) {
      report([...path, "at"], `'${time}'`, `a time before the scenario's limit, ${limitMs / 1000}s`);
    } else if (latest !== undefined && msOf(time) < msOf(latest)) {
      report([...path, "at"], `'${time}' after a step at '${latest}'`, "no earlier time: steps go one after another");
    }
    if (latest === undefined || msOf(time) > msOf(latest)) latest = time;
  }
}

function checkLoads(steps: readonly RawStep[], at: Path, report: Report): void {
  const kinds = new Map<string, string>();
  for (const [index, step] of steps.entries()) {
    const { load } = step;
    if (load !== undefined) {
      if (kinds.has(load.name)) report([...at, index, "load", "name"], `a second load '${load.name}'`, "another name");
      kinds.set(load.name, load.kind ?? "write");
    }
    for (const key of ["expect", "when", "until"] as const) {
      const asked = step[key]?.load;
      if (asked?.intact !== true || kinds.get(asked.name) !== "read") continue;
      report(
        [...at, index, key, "load", "intact"],
        `'intact' of load '${asked.name}', which reads`,
        "'intact' of a load that writes",
      );
    }
  }
}

/** Commands of the timeline may show a host further disks; which ones its words tell. */
function checkShown(steps: readonly RawStep[], at: Path, { shown, disks, guests }: LabNames, report: Report): void {
  const words = new Set<string>();
  for (const [index, step] of steps.entries()) {
    for (const word of step.sanlab === undefined ? [] : wordsOf(step.sanlab)) words.add(word);
    for (const { host, disk, keys } of disksUsed(step)) {
      // What is unknown has been told as such.
      if (!guests.includes(host) || !disks.includes(disk)) continue;
      if (shown.has(`${host} ${disk}`) || (words.has("export") && words.has(host) && words.has(disk))) continue;
      report([...at, index, ...keys], `disk '${disk}', which host '${host}' is not shown`, "a disk of that host");
    }
  }
}

interface DiskUse {
  readonly host: string;
  readonly disk: string;
  readonly keys: readonly string[];
}

function disksUsed(step: RawStep): DiskUse[] {
  const { run, load, remember } = step;
  const use = (host: string | undefined, disk: string | undefined, ...keys: string[]): DiskUse[] =>
    host === undefined || disk === undefined ? [] : [{ host, disk, keys }];
  const ofCommand = (command: { host: string; command: readonly string[] } | undefined, ...keys: string[]) =>
    (command?.command ?? []).flatMap(disksIn).flatMap((disk) => use(command?.host, disk, ...keys));
  return [
    ...ofCommand(run, "run", "command"),
    ...use(load?.host, load?.disk, "load", "disk"),
    ...use(remember?.host, remember?.disk, "remember", "disk"),
    ...(["expect", "when", "until"] as const).flatMap((key) => {
      const { paths, contents, command } = step[key] ?? {};
      return [
        ...use(paths?.host, paths?.disk, key, "paths", "disk"),
        ...use(contents?.host, contents?.disk, key, "contents", "disk"),
        ...use(contents?.host, contents?.same, key, "contents", "same"),
        ...ofCommand(command, key, "command", "command"),
      ];
    }),
  ];
}

function msOf(time: string): number {
  return duration(time) ?? 0;
}
