/**
 * Who opens a device is told of no sync that failed before: what lies there is shown to hosts once others have vouched for it, and
 * no flush succeeds through an opening for which nobody has (rule 7).
 */
import type { PublishedUnit } from "node-iscsi-target/mapping/protocol.ts";
import type { BlockDevice } from "node-iscsi-target/storage/block-device.ts";
import { Violation } from "../engine/violation.ts";
import type { SimProcess } from "../world/sim-agent.ts";
import type { SimDevice } from "../world/sim-device.ts";

/** A process is told to show a unit. @throws Violation */
export function checkVouchedFor(process: SimProcess, { id, table }: PublishedUnit): void {
  for (const device of devicesOf(process, table))
    if (isUninformed(device)) throw unheard(process, device, `is to show ${id}`);
}

/** A sync has succeeded by what a process has open. @throws Violation */
export function checkInformed(process: SimProcess, device: SimDevice): void {
  const shown = [...process.units.values()].find(({ unit }) => devicesOf(process, unit.table).includes(device));
  if (device.isUninformed && shown !== undefined) throw unheard(process, device, `has flushed ${shown.unit.id}`);
}

function devicesOf({ core }: SimProcess, table: string): readonly BlockDevice[] {
  return core.pools.devicesOf(table, core.devices.values());
}

function isUninformed(device: BlockDevice): device is SimDevice {
  return "isUninformed" in device && device.isUninformed === true;
}

function unheard({ name }: SimProcess, { path }: SimDevice, did: string): Violation {
  return new Violation("rule 7", `${name} ${did}, and has not heard that a sync had failed before it opened ${path}`);
}
