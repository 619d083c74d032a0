/** Devices of pools: added, taken out when they hold nothing or by force, and taken in again. */
import type { ControllerCore } from "@sanlab/controller/core.ts";
import { openDevice, removeDevice } from "@sanlab/controller/devices/removal.ts";
import { growPool } from "@sanlab/controller/pools.ts";
import type { DeviceRecord } from "@sanlab/controller/records.ts";
import type { Lab } from "../../world/lab.ts";
import type { Occasion } from "./operations.ts";

export function someDevice({ chance }: Lab, core: ControllerCore): DeviceRecord {
  return chance.pick(core.records.devices.values());
}

export async function grow({ administrator, core }: Occasion): Promise<void> {
  await growPool(core, administrator.lab.chance.pick(administrator.lab.config.pools), administrator.device());
}

export async function remove({ administrator: { lab }, core }: Occasion): Promise<void> {
  await removeDevice(core, String(someDevice(lab, core).device), "empty");
}

/** What lies there fails from then on. */
export async function lose({ administrator: { lab }, core }: Occasion): Promise<void> {
  const asked = lab.scheduler.tick();
  lab.failures.expect();
  await removeDevice(core, String(someDevice(lab, core).device), "force");
  lab.failures.agreed(asked, lab.scheduler.tick());
}

export async function open({ administrator: { lab }, core }: Occasion): Promise<void> {
  const closed = core.records.devices.values().filter((device) => device.closed === true);
  if (closed.length === 0) return;
  const asked = lab.scheduler.tick();
  await openDevice(core, String(lab.chance.pick(closed).device));
  lab.failures.over(asked, lab.scheduler.tick());
}

export async function openAll(core: ControllerCore): Promise<void> {
  for (const { device, closed } of core.records.devices.values())
    if (closed === true) await openDevice(core, String(device));
}
