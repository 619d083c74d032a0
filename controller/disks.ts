/** Virtual disks: made, resized, deleted, described. */
import { MAX_TABLE_SEGMENTS } from "node-iscsi-target/mapping/entry.ts";
import type { Disk, DiskRequest } from "./api/resources.ts";
import type { ControllerCore } from "./core.ts";
import type { DiskRecord } from "./records.ts";
import { Unwritable } from "./space/space.ts";
import type { Location } from "./tables/layout.ts";
import { removeTable } from "./tables/removal.ts";
import { notFound, Refusal } from "./user-error.ts";
import { viewsOf } from "./views/record.ts";

/** Segments that a thick disk takes in one transaction. */
const THICK_BATCH = 256;
const BLOCK_BYTES = 512;

export async function createDisk(core: ControllerCore, request: DiskRequest): Promise<Disk> {
  const { name, sizeBytes, thick = false } = request;
  const pool = core.records.pools.get(request.pool);
  if (pool === undefined) throw notFound("pool", request.pool);
  refuseTaken(core, name);
  checkSize(sizeBytes, pool.segmentBytes);
  const segments = Math.ceil(sizeBytes / pool.segmentBytes);
  if (thick) await core.ahead.makeRoom(pool.name, segments);
  if (thick && core.space.freeIn(pool.name) < segments) {
    throw new Refusal(
      "no-space",
      `Pool '${pool.name}' has ${core.space.freeIn(pool.name)} free segments, the disk needs ${segments}; grow the pool, or make the disk thin.`,
      507,
    );
  }
  const identity = newIdentity(core);
  const record: DiskRecord = {
    name,
    ...identity,
    family: identity.table,
    origin: null,
    kind: "disk",
    readOnly: false,
    createdAt: new Date(core.options.clock.dateMs()).toISOString(),
    sizeBytes,
    pool: pool.name,
    thick,
    operation: thick ? "creating" : "none",
  };
  await core.options.store.commit({ puts: [core.records.disks.put(name, record), core.numbers()] });
  core.records.disks.learn(name, record);
  core.families.add(record);
  if (thick) await fill(core, record, segments);
  return describe(core, core.records.disks.get(name) as DiskRecord);
}

export function refuseTaken(core: ControllerCore, name: string): void {
  if (!core.records.disks.has(name)) return;
  throw new Refusal("exists", `There is a disk '${name}' already; choose another name.`);
}

/** What a new disk is called by agents and hosts; a number of it goes into the transaction that makes the disk. */
export function newIdentity(core: ControllerCore): Pick<DiskRecord, "table" | "naa" | "serial"> {
  const number = core.nextNumber();
  return { table: `t${number}`, ...identityOf(core.lab.cluster, number) };
}

/** What hosts know a disk by; `number` is never given out again. */
export function identityOf(cluster: string, number: number): Pick<DiskRecord, "naa" | "serial"> {
  return { naa: naaOf(cluster, number), serial: `${cluster.slice(0, 8)}${number.toString(16).padStart(8, "0")}` };
}

async function fill(core: ControllerCore, { name, table, pool }: DiskRecord, segments: number): Promise<void> {
  const family = core.families.of(table);
  for (let first = 0; family !== undefined && first < segments; first += THICK_BATCH) {
    const count = Math.min(THICK_BATCH, segments - first);
    const locations = await taken(core, pool, count);
    if (locations instanceof Refusal) {
      await removeDisk(core, core.records.disks.get(name) as DiskRecord);
      throw locations;
    }
    await family.run(async () => {
      const edit = core.edit(family);
      await edit.loadSegments(first, count);
      for (const [at, location] of locations.entries()) edit.map(table, first + at, location);
      const roots = await edit.roots();
      await core.commits.run((change) => {
        edit.into(change, roots);
        core.space.reserve.spend(change, pool, locations);
      });
    });
  }
  await changeDisk(core, name, { operation: "none" });
}

/** Its record as it is when the turn of this transaction has come, but for `part`: operations that move segments change it too. */
async function changeDisk(core: ControllerCore, name: string, part: Partial<DiskRecord>): Promise<void> {
  const { disks } = core.records;
  await core.commits.run((change) => {
    const disk = disks.get(name);
    if (disk === undefined) return;
    const next = { ...disk, ...part };
    change.put(disks.put(name, next)).learn(() => disks.learn(name, next));
  });
}

async function taken(core: ControllerCore, pool: string, count: number): Promise<readonly Location[] | Refusal> {
  const full = `Pool '${pool}' filled up while the disk was made; grow it and try again.`;
  try {
    return (await core.space.takeZeroed(pool, count)) ?? new Refusal("no-space", full, 507);
  } catch (error) {
    if (!(error instanceof Unwritable)) throw error;
    const broken = `A device of pool '${pool}' takes no writes (${error.message}); take that out of the pool and try again.`;
    return new Refusal("medium", broken, 500);
  }
}

export async function resizeDisk(core: ControllerCore, name: string, sizeBytes: number): Promise<Disk> {
  const disk = foundDisk(core, name);
  checkSize(sizeBytes, core.records.pools.get(disk.pool)?.segmentBytes as number);
  if (disk.readOnly)
    throw new Refusal("read-only", `Disk '${name}' is read-only and keeps its size; clone it, and resize the clone.`);
  if (sizeBytes < disk.sizeBytes) {
    throw new Refusal(
      "shrink",
      `Disk '${name}' has ${disk.sizeBytes} bytes and cannot shrink to ${sizeBytes}; make a smaller disk and copy what it holds.`,
    );
  }
  await changeDisk(core, name, { sizeBytes });
  await core.agents.reconcile();
  return describe(core, core.records.disks.get(name) as DiskRecord);
}

/** A disk that is there and not on its way out. @throws Refusal */
export function foundDisk(core: ControllerCore, name: string): DiskRecord {
  const disk = core.records.disks.get(name);
  if (disk === undefined) throw notFound("disk", name);
  if (disk.operation === "deleting") throw new Refusal("deleting", `Disk '${name}' is being deleted; choose another.`);
  return disk;
}

export async function deleteDisk(core: ControllerCore, name: string): Promise<void> {
  const disk = core.records.disks.get(name);
  if (disk === undefined) throw notFound("disk", name);
  const exported = core.records.exports.values().find((row) => row.disk === name);
  if (exported)
    throw new Refusal("exported", `Disk '${name}' is exported to host '${exported.host}'; delete that export first.`);
  const [view] = viewsOf(core.records, name);
  if (view !== undefined)
    throw new Refusal("tables", `Disk '${name}' has a further table '${view.name}'; delete that table first.`);
  await removeDisk(core, disk);
}

/** Recorded, taken from every agent, and only then given back. */
export async function removeDisk(core: ControllerCore, disk: DiskRecord): Promise<void> {
  await changeDisk(core, disk.name, { operation: "deleting" });
  await core.agents.reconcile();
  await core.agents.toTable(disk.table, { type: "delete_table", table: disk.table });
  await removeTable(core, disk);
}

export function describe(core: ControllerCore, disk: DiskRecord): Disk {
  const { operation: _, origin, family: __, from = null, ...shown } = disk;
  const { segmentBytes } = core.records.pools.get(disk.pool) as { segmentBytes: number };
  const { mapped, own } = core.records.usage.get(disk.table) ?? { mapped: 0, own: 0 };
  return {
    ...shown,
    from,
    origin: (origin !== null && core.families.disk(origin)?.name) || null,
    segments: Math.ceil(disk.sizeBytes / segmentBytes),
    mappedSegments: mapped,
    sharedSegments: mapped - own,
    ownSegments: own,
  };
}

/** Disks as users know them: those that are being deleted are none of them. */
export function listed(core: ControllerCore): DiskRecord[] {
  return core.records.disks.values().filter(({ operation }) => operation !== "deleting");
}

function checkSize(sizeBytes: number, segmentBytes: number): void {
  if (sizeBytes % BLOCK_BYTES !== 0 || sizeBytes < BLOCK_BYTES) {
    throw new Refusal(
      "size",
      `A disk of ${sizeBytes} bytes is no whole number of ${BLOCK_BYTES}-byte blocks; choose a multiple.`,
      400,
    );
  }
  if (Math.ceil(sizeBytes / segmentBytes) > MAX_TABLE_SEGMENTS) {
    throw new Refusal(
      "size",
      `A disk of ${sizeBytes} bytes needs more than the ${MAX_TABLE_SEGMENTS} segments of ${segmentBytes} bytes that a table holds; choose a smaller size or larger segments.`,
      400,
    );
  }
}

/** NAA 6h (SPC-4 7.8.6.6.5): the locally administered OUI of virtual machines, 36 bits of the cluster, and a number never reused. */
function naaOf(cluster: string, number: number): string {
  return `6525400${cluster.replaceAll("-", "").slice(0, 9)}${number.toString(16).padStart(16, "0")}`;
}
