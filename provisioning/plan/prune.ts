import type { RunningLab } from "../api/running-lab.ts";
import type { Lab } from "../lab/lab.ts";
import { parseUnit, unitName } from "../lab/unit-name.ts";
import { declaredBy } from "./declared.ts";
import type { Step } from "./step.ts";

/**
 * The deletion of everything that an earlier file declared, that is still there, and that this file does not have;
 * what commands made is not touched. Hosts first, then what they used.
 */
export function pruneSteps(lab: Lab, running: RunningLab): Step[] {
  const now = declaredBy(lab);
  const gone = (key: keyof typeof now, present: readonly string[]) =>
    (running.declared[key] ?? []).filter((name) => now[key]?.includes(name) !== true && present.includes(name));
  const names = (things: readonly { readonly name: string }[]) => things.map(({ name }) => name);
  const hosts = gone("hosts", names(running.hosts));
  const guests = running.qemuHosts.filter(({ record, isRunning }) => isRunning && hosts.includes(record.name));
  const exports = gone(
    "exports",
    running.exports.map(({ host, disk }) => `${host}/${disk}`),
  );
  return [
    ...gone("faults", names(running.faults)).map((fault) => ({ kind: "clear-fault", fault }) as const),
    ...guests.map(({ record }) => ({ kind: "stop-host", host: record.name }) as const),
    ...exports
      .map((key) => key.split("/"))
      .map(([host = "", ...unit]) => ({ kind: "unexport-disk", host, disk: unit.join("/") }) as const),
    ...gone("zoneSets", names(running.zoneSets)).map((zoneSet) => ({ kind: "delete-zone-set", zoneSet }) as const),
    ...gone("zones", names(running.zones)).map((zone) => ({ kind: "delete-zone", zone }) as const),
    ...gone("aliases", names(running.aliases)).map((alias) => ({ kind: "delete-alias", alias }) as const),
    ...hosts.map((host) => ({ kind: "delete-host", host }) as const),
    ...gone("agents", names(running.agents)).map((agent) => ({ kind: "remove-agent", agent }) as const),
    ...gone(
      "tables",
      running.tables.map(({ disk, name }) => unitName(disk, name)),
    )
      .map(parseUnit)
      .map(({ disk, table = "" }) => ({ kind: "delete-table", disk, table }) as const),
    ...gone("disks", names(running.disks)).map((disk) => ({ kind: "delete-disk", disk }) as const),
    ...gone("pools", names(running.pools)).map((pool) => ({ kind: "delete-pool", pool }) as const),
  ];
}
