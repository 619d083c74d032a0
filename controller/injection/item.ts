/** Faults on demand as an agent gets them: names become what the agent knows things by (pure). */
import { basename } from "node:path";
import type { AgentMatch, AgentRule } from "node-iscsi-target/injection/agent-rule.ts";
import { parseFault } from "node-iscsi-target/injection/parse.ts";
import type { EffectKind, Selection } from "node-iscsi-target/injection/rule.ts";
import type { Item } from "../agents/publication.ts";
import type { AllRecords } from "../records.ts";
import { unitsOf } from "../units/unit.ts";
import type { InjectionRecord } from "./record.ts";

/** What the controller carries out itself, or has carried out. */
export const NOT_AT_AGENTS: readonly EffectKind[] = [
  "agent-kill",
  "agent-pause",
  "agent-cut",
  "pool-full",
  "controller-kill",
  "power-cut",
];

export function injectionItem(records: AllRecords, agent: string): Item {
  const rules = rulesOf(records, agent);
  return { add: { type: "set_injections", rules }, remove: { type: "set_injections", rules: [] } };
}

function rulesOf(records: AllRecords, agent: string): AgentRule[] {
  return byAge(records).flatMap(({ name, text, addedAtMs, repaired }) => {
    const { on, when, effect } = parseFault(text);
    if (NOT_AT_AGENTS.includes(effect.kind) || on.agent?.includes(agent) === false) return [];
    const hosts = hostsOf(on, agent);
    if (hosts?.length === 0) return [];
    return [
      {
        name,
        addedAtMs,
        effect,
        when,
        match: matchOf(records, on, hosts),
        ...(repaired === undefined ? {} : { repaired }),
      },
    ];
  });
}

export function byAge({ injections }: AllRecords): InjectionRecord[] {
  return injections.values().sort((a, b) => a.addedAtMs - b.addedAtMs || (a.name < b.name ? -1 : 1));
}

/** The hosts that the fault is for at this agent; undefined: all. */
function hostsOf({ host, path }: Selection, agent: string): readonly string[] | undefined {
  if (path === undefined) return host;
  const ofPaths = path.map((one) => one.split("/")).flatMap(([of = "", at]) => (at === agent ? [of] : []));
  return host === undefined ? ofPaths : ofPaths.filter((name) => host.includes(name));
}

export function matchOf(records: AllRecords, on: Selection, hosts: readonly string[] | undefined): AgentMatch {
  const { disk, op, lba, command, device, sector } = on;
  return {
    ...(disk === undefined ? {} : { serials: disk.flatMap((name) => serialsOf(records, name, lba !== undefined)) }),
    ...(hosts === undefined ? {} : { initiators: hosts.flatMap((name) => records.hosts.get(name)?.iqn ?? []) }),
    ...(op === undefined ? {} : { ops: op }),
    ...(lba === undefined ? {} : { lba }),
    ...(command === undefined ? {} : { commands: command }),
    ...(device === undefined ? {} : { devices: device.flatMap((name) => devicesNamed(records, name)) }),
    ...(sector === undefined ? {} : { sectors: sector }),
  };
}

/** Devices by number, or by the last part of their path. */
export function devicesNamed(records: AllRecords, name: string): number[] {
  const named = records.devices.values().filter((one) => String(one.device) === name || basename(one.path) === name);
  return named.map(({ device }) => device);
}

/** Of all logical units of a disk; blocks are those of the disk as a whole, which in its further tables are others. */
function serialsOf(records: AllRecords, name: string, isOfBlocks: boolean): string[] {
  const disk = records.disks.get(name);
  if (disk === undefined) return [];
  return isOfBlocks ? [disk.serial] : unitsOf(records, disk).map(({ serial }) => serial);
}
