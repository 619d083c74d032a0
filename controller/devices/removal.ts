/**
 * Devices taken out of their pool. One that holds nothing goes for good; one that is taken by force
 * stays on record, and what lies on it fails at once (E) until it comes back with the label
 * that it had.
 */
import type { ControllerCore } from "../core.ts";
import { clearErrors, type Failing, setErrors } from "../families/errors.ts";
import { SOURCE_UNREADABLE } from "../families/senses.ts";
import { foundDevice } from "../migration/operations.ts";
import type { DeviceRecord } from "../records.ts";
import { isShared } from "../remote/sharing.ts";
import { Refusal } from "../user-error.ts";
import type { Medium } from "./medium.ts";

export async function removeDevice(core: ControllerCore, name: string, force: boolean): Promise<void> {
  const record = foundDevice(core, name);
  refuseMoving(core, record);
  const last = core.records.devices
    .values()
    .every(({ device, pool }) => device === record.device || pool !== record.pool);
  if (last)
    throw new Refusal(
      "last",
      `${record.path} is the only device of pool '${record.pool}'; delete the pool, or grow it first.`,
    );
  if (!force) refuseUsed(core, record);
  await close(core, record);
  if (core.space.usedOn(record.device) === 0) return forget(core, record);
  // It was written to meanwhile.
  if (!force) await reopen(core, record);
  if (!force) refuseUsed(core, record);
  await lose(core, record);
}

/** Takes segments again, also those of a device that was evacuated; one that was taken by force comes back. */
export async function openDevice(core: ControllerCore, name: string): Promise<void> {
  const record = foundDevice(core, name);
  refuseMoving(core, record);
  const { closed: _, removed, ...open } = record;
  if (!core.media.has(record.device)) core.media.set(record.device, opened(core, record));
  core.missing.delete(record.device);
  await reopen(core, open);
  await core.agents.reconcile();
  if (removed === true) {
    for (const family of core.families.all())
      await clearErrors(core, family, onDevice(record.device), SOURCE_UNREADABLE);
  }
  await core.space.releases.finishLeft();
}

/** @throws Refusal where it is gone, in use, another, or cannot be used as the others are. */
function opened(core: ControllerCore, { path, uuid }: DeviceRecord): Medium {
  const medium = core.options.mediumSource.open(path, uuid);
  try {
    if (isShared(core)) medium.bypassCache?.(true);
    return medium;
  } catch (error) {
    medium.close();
    throw error;
  }
}

async function reopen(core: ControllerCore, record: DeviceRecord): Promise<void> {
  await core.records.devices.save(core.options.store, String(record.device), record);
  core.allocator.close(record.device, record.closed === true || !core.media.has(record.device));
}

function refuseUsed(core: ControllerCore, { device, path }: DeviceRecord): void {
  const used = core.space.usedOn(device);
  if (used === 0) return;
  throw new Refusal(
    "in-use",
    `${path} holds ${used} segments; evacuate it first, or force it: what lies there fails until the device is back.`,
  );
}

/** Nothing more is placed on it, and nothing is set aside there. */
async function close(core: ControllerCore, record: DeviceRecord): Promise<void> {
  core.allocator.close(record.device);
  const closed = { ...record, closed: true };
  const release = await core.commits.run((change) => {
    change.put(core.records.devices.put(String(record.device), closed));
    change.learn(() => core.records.devices.learn(String(record.device), closed));
    return core.space.releases.begin(change, core.space.reserve.empty(change, record.pool, record.device));
  });
  await core.space.releases.finish(release);
}

async function forget(core: ControllerCore, record: DeviceRecord): Promise<void> {
  const { device } = record;
  await core.commits.run((change) => {
    change.delete(core.records.devices.key(String(device)));
    core.used.remove(change, device);
    change.learn(() => core.records.devices.learn(String(device), undefined));
  });
  await core.agents.reconcile();
  letGo(core, record);
}

/** The device is anybody's again; what lies under its path is left alone where that is not it. */
export function letGo(core: ControllerCore, { device, path, uuid, created }: DeviceRecord): void {
  const { mediumSource } = core.options;
  try {
    if (!core.media.has(device)) core.media.set(device, mediumSource.open(path, uuid));
    shut(core, device);
    mediumSource.release(path, created);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    core.options.log(error.message);
  }
  core.missing.delete(device);
  core.allocator.removeDevice(device);
}

async function lose(core: ControllerCore, record: DeviceRecord): Promise<void> {
  const removed = { ...record, closed: true, removed: true };
  await core.records.devices.save(core.options.store, String(record.device), removed);
  await failAll(core, record);
  await core.agents.reconcile();
  shut(core, record.device);
  core.missing.set(record.device, `${record.path} was removed by force`);
}

/** Again after a crash: what lies on devices that were taken by force has E. */
export async function failLost(core: ControllerCore): Promise<void> {
  for (const record of core.records.devices.values()) if (record.removed === true) await failAll(core, record);
}

async function failAll(core: ControllerCore, { device }: DeviceRecord): Promise<void> {
  for (const family of core.families.all()) await setErrors(core, family, onDevice(device), SOURCE_UNREADABLE);
}

function onDevice(device: number): Failing {
  return { tables: undefined, chunks: undefined, entry: (_, location) => location?.device === device };
}

function shut(core: ControllerCore, device: number): void {
  core.media.get(device)?.close();
  core.media.delete(device);
}

function refuseMoving({ records }: ControllerCore, { device, path }: DeviceRecord): void {
  const moving = records.operations
    .values()
    .find(({ state, task }) => state === "running" && task.kind === "evacuate" && task.device === device);
  if (moving === undefined) return;
  throw new Refusal("busy", `${path} is being evacuated by operation ${moving.id}; wait for its end, or cancel it.`);
}
