/** Pools and their storage devices. */
import { MAX_DEVICE_NUMBER, MAX_DEVICE_SEGMENT } from "node-iscsi-target/mapping/entry.ts";
import type { Device, DeviceRequest, Pool, PoolRequest } from "./api/resources.ts";
import type { ControllerCore } from "./core.ts";
import { letGo } from "./devices/removal.ts";
import type { DeviceRecord, PoolRecord } from "./records.ts";
import { isShared } from "./remote/sharing.ts";
import { notFound, Refusal } from "./user-error.ts";

export async function createPool(core: ControllerCore, request: PoolRequest): Promise<Pool> {
  const { name, segmentBytes, queueWhenFullMs = 0 } = request;
  if (core.records.pools.has(name))
    throw new Refusal("exists", `There is a pool '${name}' already; choose another name.`);
  if (segmentBytes < 65536 || segmentBytes % 4096 !== 0) {
    throw new Refusal(
      "segment",
      `Segments of ${segmentBytes} bytes cannot be; choose a multiple of 4 KiB, 64 KiB or more.`,
      400,
    );
  }
  const pool: PoolRecord = { name, segmentBytes, queueWhenFullMs };
  const adopted = await adoptAll(core, pool, request.devices);
  await core.options.store.commit({
    puts: [
      core.records.pools.put(name, pool),
      ...adopted.map((d) => core.records.devices.put(String(d.device), d)),
      core.numbers(),
    ],
  });
  core.records.pools.learn(name, pool);
  for (const device of adopted) core.records.devices.learn(String(device.device), device);
  return describePool(core, pool);
}

export async function growPool(core: ControllerCore, name: string, request: DeviceRequest): Promise<Pool> {
  const pool = core.records.pools.get(name);
  if (pool === undefined) throw notFound("pool", name);
  const [device] = (await adoptAll(core, pool, [request])) as [DeviceRecord];
  await core.options.store.commit({ puts: [core.records.devices.put(String(device.device), device), core.numbers()] });
  core.records.devices.learn(String(device.device), device);
  core.used.add(device.device, device.segments);
  core.allocator.addDevice(device.device, name, device.segments);
  core.allocator.close(device.device);
  // Every agent that has been heard of knows it before an entry names it; the others get it before they have any table again.
  await core.agents.reconcile();
  core.allocator.close(device.device, false);
  return describePool(core, pool);
}

export async function deletePool(core: ControllerCore, name: string): Promise<void> {
  const pool = core.records.pools.get(name);
  if (pool === undefined) throw notFound("pool", name);
  const disk = core.records.disks.values().find(({ pool: at, from }) => at === name || from === name);
  if (disk) throw new Refusal("in-use", `Pool '${name}' holds disk '${disk.name}'; delete its disks first.`);
  const operation = core.records.operations
    .values()
    .find(({ state, task }) => state === "running" && task.pool === name);
  if (operation)
    throw new Refusal("busy", `Operation ${operation.id} is moving segments of pool '${name}'; cancel it first.`);
  const devices = devicesOf(core, name);
  await core.commits.run((change) => {
    core.space.reserve.empty(change, name);
    change.delete(core.records.reserves.key(name)).learn(() => core.records.reserves.learn(name, undefined));
    change.delete(core.records.pools.key(name));
    for (const { device } of devices) {
      change.delete(core.records.devices.key(String(device)));
      change.delete(core.records.unsynced.key(String(device)));
      core.used.remove(change, device);
    }
    core.space.releases.drop(change, new Set(devices.map(({ device }) => device)));
  });
  core.records.pools.learn(name, undefined);
  for (const device of devices) {
    core.records.devices.learn(String(device.device), undefined);
    core.records.unsynced.learn(String(device.device), undefined);
    letGo(core, device);
  }
}

export function describePool(core: ControllerCore, { name, segmentBytes, queueWhenFullMs }: PoolRecord): Pool {
  const devices = devicesOf(core, name).map((device) => describeDevice(core, device));
  const sum = (of: (device: Device) => number) => devices.reduce((total, device) => total + of(device), 0);
  return {
    name,
    segmentBytes,
    queueWhenFullMs,
    segments: sum((d) => d.segments),
    usedSegments: sum((d) => d.usedSegments),
    devices,
  };
}

function describeDevice(core: ControllerCore, record: DeviceRecord): Device {
  const { device, uuid, path, pool, sizeBytes, segments, created, closed = false, removed = false } = record;
  const open = core.records.unsynced.has(String(device)) ? "unsynced" : closed ? "closed" : "online";
  const state = removed ? "removed" : core.missing.has(device) ? "missing" : open;
  return {
    device,
    uuid,
    path,
    pool,
    sizeBytes,
    segments: segments - 1,
    usedSegments: core.space.usedOn(device),
    created,
    state,
  };
}

/** All or none: where one is refused, those before it are as they were. */
async function adoptAll(
  core: ControllerCore,
  pool: PoolRecord,
  requests: readonly DeviceRequest[],
): Promise<DeviceRecord[]> {
  const adopted: DeviceRecord[] = [];
  try {
    for (const request of requests) adopted.push(adopt(core, pool, request));
    return adopted;
  } catch (error) {
    for (const { device, path, created } of adopted) {
      forget(core, device);
      core.options.mediumSource.release(path, created);
    }
    throw error;
  }
}

function adopt(core: ControllerCore, pool: PoolRecord, request: DeviceRequest): DeviceRecord {
  const { mediumSource, newId } = core.options;
  const path = mediumSource.canonicalPath(request.path);
  const used = core.records.devices.values().find((device) => device.path === path);
  if (used) throw new Refusal("in-use", `${request.path} is a device of pool '${used.pool}' already; name another.`);
  const uuid = newId();
  refuseMany(core, request.path);
  const { segmentBytes } = pool;
  const { medium, created } = mediumSource.adopt(path, { cluster: core.lab.cluster, uuid, segmentBytes }, request);
  const device = core.nextDevice();
  // An entry has room for so many.
  const segments = Math.min(Math.floor(medium.sizeBytes / segmentBytes), MAX_DEVICE_SEGMENT + 1);
  try {
    if (isShared(core)) medium.bypassCache?.(true);
  } catch (error) {
    medium.close();
    mediumSource.release(path, created);
    throw error;
  }
  core.media.set(device, medium);
  if (core.records.pools.get(pool.name) === undefined) {
    core.used.add(device, segments);
    core.allocator.addDevice(device, pool.name, segments);
  }
  return {
    device,
    uuid,
    path: mediumSource.canonicalPath(path),
    pool: pool.name,
    sizeBytes: medium.sizeBytes,
    segments,
    created,
  };
}

/** Entries have 12 bits for its number, and a number is given once only: an agent that nobody hears of may have another device open under it. */
function refuseMany({ lab }: ControllerCore, path: string): void {
  if ((lab.lastDevice ?? 0) < MAX_DEVICE_NUMBER) return;
  throw new Refusal(
    "devices",
    `${path} is refused: this lab has given out all its ${MAX_DEVICE_NUMBER} numbers of devices; put it into a lab of its own.`,
  );
}

function forget(core: ControllerCore, device: number): void {
  core.media.get(device)?.close();
  core.media.delete(device);
  core.allocator.removeDevice(device);
}

function devicesOf(core: ControllerCore, pool: string): DeviceRecord[] {
  return core.records.devices.values().filter((device) => device.pool === pool);
}
