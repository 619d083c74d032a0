/** What an operation needs before its first segment moves. */
import type { ControllerCore } from "../core.ts";
import type { DeviceRecord, DiskRecord, PoolRecord } from "../records.ts";
import type { Change } from "../store/commits.ts";
import { Refusal } from "../user-error.ts";
import type { Task } from "./record.ts";

/** Puts the operation on record, in the transaction that says what it needs. */
export type Record = (change: Change) => void;

/** @throws Refusal where it cannot succeed; nothing has changed then */
export async function prepare(core: ControllerCore, task: Task, total: number, record: Record): Promise<void> {
  if (task.kind === "migrate") await enterPool(core, task, total, record);
  else if (task.kind === "evacuate") await closeDevice(core, task.device, total, record);
  else await core.commits.run(record);
}

/** A disk and all that it shares segments with belong to the other pool from now on; agents have the devices of both. */
async function enterPool(
  core: ControllerCore,
  task: Task & { kind: "migrate" },
  total: number,
  record: Record,
): Promise<void> {
  const members = familyOf(core, task.family);
  const source = core.records.pools.get(members[0]?.pool ?? "") as PoolRecord;
  const target = core.records.pools.get(task.pool) as PoolRecord;
  // One that was cancelled after its last segment has still to arrive.
  const isThere = source === target && total === 0 && members.every(({ from }) => from === undefined);
  if (isThere) {
    throw new Refusal("there", `Disk '${task.disk}' lies in pool '${task.pool}' already; name another.`);
  }
  refuseOther(source, target);
  await core.ahead.makeRoom(task.pool, total);
  refuseFull(core, task.pool, core.space.freeIn(task.pool), total);
  const moving = members.filter(({ pool }) => pool !== task.pool);
  const third = moving.find(({ from }) => from !== undefined && from !== task.pool);
  if (third !== undefined) {
    throw new Refusal(
      "moving",
      `Disk '${third.name}' is on its way from '${third.from}'; migrate it to '${third.pool}' first.`,
    );
  }
  const entered = moving.map((disk) => ({ ...disk, pool: task.pool, from: disk.pool }));
  await core.commits.run((change) => {
    saveAll(core, change, entered);
    record(change);
  });
  // Every agent knows the devices before an entry names them.
  await core.agents.reconcile();
}

function refuseOther(source: PoolRecord, target: PoolRecord): void {
  if (source.segmentBytes === target.segmentBytes) return;
  throw new Refusal(
    "segment",
    `Pool '${target.name}' has segments of ${target.segmentBytes} bytes, and pool '${source.name}' of ${source.segmentBytes}; choose a pool of the same segment size.`,
  );
}

async function closeDevice(core: ControllerCore, device: number, total: number, record: Record): Promise<void> {
  const open = core.records.devices.get(String(device)) as DeviceRecord;
  const { pool } = open;
  core.allocator.close(device);
  await core.ahead.makeRoom(pool, total + core.space.reserve.idleOn(device));
  const elsewhere = core.space.freeIn(pool) - core.space.reserve.idleOn(device);
  try {
    refuseFull(core, pool, elsewhere, total);
  } catch (error) {
    core.allocator.close(device, open.closed === true || !core.media.has(device));
    throw error;
  }
  const closed = { ...open, closed: true };
  const release = await core.commits.run((change) => {
    record(change);
    change.put(core.records.devices.put(String(device), closed));
    change.learn(() => core.records.devices.learn(String(device), closed));
    return core.space.releases.begin(change, core.space.reserve.empty(change, pool, device));
  });
  await core.space.releases.finish(release);
}

function refuseFull(core: ControllerCore, pool: string, free: number, needed: number): void {
  if (free >= needed) return;
  const { segmentBytes } = core.records.pools.get(pool) as PoolRecord;
  throw new Refusal(
    "no-space",
    `Pool '${pool}' has ${free} free segments of ${segmentBytes} bytes for the ${needed} that are to move; grow it first.`,
    507,
  );
}

function familyOf({ records }: ControllerCore, family: string): DiskRecord[] {
  return records.disks.values().filter((disk) => disk.family === family);
}

function saveAll({ records }: ControllerCore, change: Change, disks: readonly DiskRecord[]): void {
  for (const disk of disks) {
    change.put(records.disks.put(disk.name, disk)).learn(() => records.disks.learn(disk.name, disk));
  }
}
