/** Which segments an operation moves, and where to. */
import type { ControllerCore } from "../core.ts";
import type { Family } from "../families/family.ts";
import type { DeviceRecord } from "../records.ts";
import type { Location } from "../tables/layout.ts";
import type { Task } from "./record.ts";

export interface Policy {
  readonly families: () => Family[];
  /** Where to: any place of the pool, or one on a device; undefined: it stays. Asked once for each location, and counts on it. */
  readonly target: (location: Location) => { readonly pool: string; readonly device?: number } | undefined;
}

export function policyOf(core: ControllerCore, task: Task): Policy {
  switch (task.kind) {
    case "migrate":
      return {
        families: () => [core.families.get(task.family) ?? []].flat(),
        target: ({ device }) => (poolOf(core, device) === task.pool ? undefined : { pool: task.pool }),
      };
    case "evacuate":
      return {
        families: () => familiesIn(core, task.pool),
        target: ({ device }) => (device === task.device ? { pool: task.pool } : undefined),
      };
    case "rebalance":
      return { families: () => familiesIn(core, task.pool), target: balance(core, task.pool) };
  }
}

/** Devices that can be placed on, each with the share of what is used that its size makes its own. */
function balance(core: ControllerCore, pool: string): Policy["target"] {
  const devices = openDevices(core, pool);
  const used = new Map(devices.map(({ device }) => [device, core.space.usedOn(device)]));
  const sum = (of: (device: DeviceRecord) => number) => devices.reduce((total, device) => total + of(device), 0);
  const [allUsed, all] = [sum(({ device }) => used.get(device) as number), sum(({ segments }) => segments - 1)];
  const share = ({ segments }: DeviceRecord) => (allUsed * (segments - 1)) / all;
  return ({ device }) => {
    const source = devices.find((one) => one.device === device);
    if (source === undefined || (used.get(device) as number) <= Math.ceil(share(source))) return undefined;
    const target = devices.find((one) => (used.get(one.device) as number) + 1 <= Math.floor(share(one)));
    if (target === undefined) return undefined;
    used.set(device, (used.get(device) as number) - 1);
    used.set(target.device, (used.get(target.device) as number) + 1);
    return { pool, device: target.device };
  };
}

export function openDevices({ records, media }: ControllerCore, pool: string): DeviceRecord[] {
  return records.devices.values().filter((one) => one.pool === pool && one.closed !== true && media.has(one.device));
}

function poolOf({ records }: ControllerCore, device: number): string | undefined {
  return records.devices.get(String(device))?.pool;
}

function familiesIn({ families, records }: ControllerCore, pool: string): Family[] {
  const ids = records.disks.values().flatMap((disk) => (disk.pool === pool || disk.from === pool ? disk.family : []));
  return [...new Set(ids)].sort().flatMap((id) => families.get(id) ?? []);
}
