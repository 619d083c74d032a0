/**
 * Devices taken out of their pool. One that holds nothing goes for good. One that is taken by force
 * stays on record, and what lies on it fails at once (E) until it comes back with the label that it had;
 * or until somebody says that it never will: then what lay there is lost, and the device goes.
 */
import type { DeviceRemoval } from "../api/segment-work.ts";
import type { ControllerCore } from "../core.ts";
import { clearLost, everyoneKnows, type Failing, setLost } from "../families/errors.ts";
import { foundDevice } from "../migration/operations.ts";
import type { DeviceRecord } from "../records.ts";
import { isShared } from "../remote/sharing.ts";
import { Refusal } from "../user-error.ts";
import { holdersOf, loseAll } from "./lost.ts";
import type { Medium } from "./medium.ts";
import { distrustMedium } from "./unsynced.ts";

/** Only where it holds nothing; although it does; or for good, since it does not come back. */
export type Removal = "empty" | "force" | "lost";

export async function removeDevice(core: ControllerCore, name: string, how: Removal): Promise<DeviceRemoval> {
  const record = foundDevice(core, name);
  refuseMoving(core, record);
  refuseLast(core, record);
  if (how === "lost") refusePresent(core, record);
  if (how === "empty") refuseUsed(core, record);
  await close(core, record);
  if (heldOn(core, record) === 0) {
    await forget(core, record);
    return { device: record.path, state: "gone", lost: [] };
  }
  // It was written to meanwhile.
  if (how === "empty") {
    await reopen(core, record, false);
    placeThere(core, record);
    refuseUsed(core, record);
  }
  await fail(core, record);
  const lost = await holdersOf(core, record.device);
  if (how === "force") return { device: record.path, state: "removed", lost };
  await loseAll(core, record.device);
  await forget(core, record);
  return { device: record.path, state: "gone", lost };
}

/** Takes segments again, also those of a device that was evacuated; one that was taken by force comes back. */
export async function openDevice(core: ControllerCore, name: string): Promise<void> {
  const record = foundDevice(core, name);
  refuseMoving(core, record);
  // Who has not heard that a sync has failed may sync by what he has open: what that loses, nobody is told who opens it anew.
  const isUnsynced = core.records.unsynced.has(String(record.device));
  if (isUnsynced) await core.agents.everyone("serving");
  const { closed: _, leaving: __, removed, ...rest } = record;
  const open = isUnsynced ? trusted(core, rest) : rest;
  if (!core.media.has(record.device)) {
    core.media.set(record.device, opened(core, record));
    core.openedLater.add(record.device);
  }
  core.missing.delete(record.device);
  if (isUnsynced) await openedByAll(core, open);
  await reopen(core, open, isUnsynced);
  // Every agent that has been heard of has it again before an entry names it; the others get it before they have any table again.
  await core.agents.reconcile();
  placeThere(core, open);
  // The controller before may have died as all opened it: then it is not on record any more that it had been removed.
  if (removed === true || isUnsynced) {
    for (const family of core.families.all()) {
      await clearLost(core, family, onDevice(record.device));
      await everyoneKnows(core, family.tables);
    }
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

/** Somebody has seen to what a failed sync has lost: opened anew, by agents too, it is as any other. */
function trusted(core: ControllerCore, { openings = 0, ...record }: DeviceRecord): DeviceRecord {
  shut(core, record.device);
  return { ...record, openings: openings + 1 };
}

/** All have opened it anew before anybody syncs it again: of what is lost from then on each is told. */
async function openedByAll(core: ControllerCore, record: DeviceRecord): Promise<void> {
  await core.commits.run((change) => change.replace(core.records.devices, String(record.device), record));
  await core.agents.everyone("serving");
}

/** `isTrusted`: of a sync that has failed somebody has seen to what it lost; of one that fails just now, nobody has. */
async function reopen(core: ControllerCore, record: DeviceRecord, isTrusted: boolean): Promise<void> {
  const { devices, unsynced } = core.records;
  const key = String(record.device);
  await core.commits.run((change) => {
    change.put(devices.put(key, record)).learn(() => devices.learn(key, record));
    if (isTrusted) change.delete(unsynced.key(key)).learn(() => unsynced.learn(key, undefined));
  });
}

function placeThere({ allocator, records, media }: ControllerCore, { device, closed }: DeviceRecord): void {
  allocator.distrust(device, records.unsynced.has(String(device)));
  allocator.close(device, closed === true || !media.has(device));
}

function refuseLast({ records }: ControllerCore, { device, pool, path }: DeviceRecord): void {
  if (records.devices.values().some((other) => other.device !== device && other.pool === pool)) return;
  throw new Refusal("last", `${path} is the only device of pool '${pool}'; delete the pool, or grow it first.`);
}

function refusePresent({ media }: ControllerCore, { device, path }: DeviceRecord): void {
  if (!media.has(device)) return;
  throw new Refusal("there", `${path} is there, and nothing is lost; evacuate it, or take it out by force.`);
}

function refuseUsed(core: ControllerCore, record: DeviceRecord): void {
  const [held, { path }] = [heldOn(core, record), record];
  if (held === 0) return;
  throw new Refusal(
    "in-use",
    core.media.has(record.device)
      ? `${path} holds ${held} segments; evacuate it first, or force it: what lies there fails until the device is back.`
      : `${path} is not there and holds ${held} segments; bring it back, force it (what lies there fails until then), or say that it is lost: what lies there is lost with it.`,
  );
}

/** What tables hold there; to a device that is away, or that syncs nothing, nothing is on its way back. */
function heldOn({ space, media, records }: ControllerCore, { device }: DeviceRecord): number {
  const goesBack = media.has(device) && !records.unsynced.has(String(device));
  return space.usedOn(device) - (goesBack ? 0 : space.releases.on(device));
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
  await everyoneOff(core, device);
  await core.commits.run((change) => {
    change.delete(core.records.devices.key(String(device)));
    change.delete(core.records.unsynced.key(String(device)));
    core.used.remove(change, device);
    core.space.releases.drop(change, new Set([device]));
    change.learn(() => {
      core.records.devices.learn(String(device), undefined);
      core.records.unsynced.learn(String(device), undefined);
    });
  });
  await core.agents.reconcile();
  letGo(core, record);
}

/** Nobody goes by what tables held there until a moment ago, or when the controller before died. */
async function everyoneOff({ space, families, agents }: ControllerCore, device: number): Promise<void> {
  const settle = (table: string) => () => agents.settled(table);
  const tables = [...space.releases.tablesOn(device)];
  await Promise.all(tables.map((table) => families.of(table)?.run(settle(table)) ?? settle(table)()));
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
  core.openedLater.delete(device);
  core.allocator.removeDevice(device);
}

/** What lies there has E, and no agent has the device open any more. */
async function fail(core: ControllerCore, record: DeviceRecord): Promise<void> {
  // Of one that was taken out before, to be given up now, agents have let go.
  const isOut = record.removed === true && record.leaving === undefined;
  const failing = { ...record, closed: true, removed: true, ...(!isOut && { leaving: "failing" as const }) };
  await core.records.devices.save(core.options.store, String(record.device), failing);
  await failLost(core, failing);
  if (isOut) await allKnow(core);
}

async function allKnow(core: ControllerCore): Promise<void> {
  for (const family of core.families.all()) await everyoneKnows(core, family.tables);
}

/** Again after a crash: what lies on a device that was taken by force has E. */
export async function failLost(core: ControllerCore, record: DeviceRecord): Promise<void> {
  const { device, path } = record;
  for (const family of core.families.all()) await setLost(core, family, onDevice(device));
  if (record.leaving === undefined) return;
  await allKnow(core);
  await syncLeaving(core, record);
  const { leaving: _, ...left } = record;
  // In turn with what agents have said of it meanwhile.
  await core.commits.run((change) => change.replace(core.records.devices, String(device), left));
  await core.agents.reconcile();
  shut(core, device);
  core.missing.set(device, `${path} was removed by force`);
}

/**
 * Nobody writes there any more. What was written is there when it comes back, whatever is flushed once no agent has
 * it (rule 7); or no flush succeeds. One that is not open here may still be at agents: they sync it, on being told.
 */
async function syncLeaving(core: ControllerCore, record: DeviceRecord): Promise<void> {
  const { device } = record;
  const medium = core.media.get(device);
  if (medium !== undefined) return medium.sync().catch(() => distrustMedium(core, device, medium));
  await core.records.devices.save(core.options.store, String(device), { ...record, leaving: "syncing" });
  await core.agents.everyone("serving");
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
