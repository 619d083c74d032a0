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
  const { device } = someDevice(lab, core);
  await removeDevice(core, String(device), "force");
  lab.failures.agreed(asked, lab.scheduler.tick(), lab.durable.placesOn(device));
}

/** One that is away does not come back: what lay there is zeros from then on, under E until that is taken back. */
export async function loseForGood({ administrator: { lab }, core }: Occasion): Promise<void> {
  const away = core.records.devices.values().filter(({ device }) => !core.media.has(device));
  if (away.length === 0) return;
  const { device } = lab.chance.pick(away);
  const asked = lab.scheduler.tick();
  lab.failures.expect();
  lab.losses.asked(device);
  const places = [...lab.durable.placesOn(device)];
  await removeDevice(core, String(device), "lost");
  lab.failures.agreed(asked, lab.scheduler.tick(), places);
}

export async function open({ administrator: { lab }, core }: Occasion): Promise<void> {
  const shut = core.records.devices.values().filter((device) => isShut(core, device));
  if (shut.length === 0) return;
  const asked = lab.scheduler.tick();
  await reopen(lab, core, lab.chance.pick(shut));
  lab.failures.over(asked, lab.scheduler.tick());
}

export async function openAll(lab: Lab, core: ControllerCore): Promise<void> {
  for (const device of core.records.devices.values()) if (isShut(core, device)) await reopen(lab, core, device);
}

function isShut({ records, media }: ControllerCore, { device, closed }: DeviceRecord): boolean {
  return closed === true || !media.has(device) || records.unsynced.has(String(device));
}

/** What failed syncs have lost has been seen to before: what is lost later is not. */
async function reopen(lab: Lab, core: ControllerCore, { device, path }: DeviceRecord): Promise<void> {
  lab.seenTo = core.records.unsynced.has(String(device)) ? { device, path } : undefined;
  await openDevice(core, String(device));
}
