/** Virtual disks: made, resized, deleted. */
import { MAX_TABLE_SEGMENTS } from "node-iscsi-target/mapping/entry.ts";
import { unitId } from "./agents/publication.ts";
import type { Disk, DiskRequest, MapRow } from "./api/resources.ts";
import type { ControllerCore } from "./core.ts";
import type { DiskRecord } from "./records.ts";
import { notFound, Refusal } from "./user-error.ts";

/** Segments that a thick disk takes in one transaction. */
const THICK_BATCH = 256;
const BLOCK_BYTES = 512;

export async function createDisk(core: ControllerCore, request: DiskRequest): Promise<Disk> {
  const { name, sizeBytes, thick = false } = request;
  const pool = core.records.pools.get(request.pool);
  if (pool === undefined) throw notFound("pool", request.pool);
  if (core.records.disks.has(name))
    throw new Refusal("exists", `There is a disk '${name}' already; choose another name.`);
  checkSize(sizeBytes, pool.segmentBytes);
  const segments = Math.ceil(sizeBytes / pool.segmentBytes);
  if (thick && core.allocator.freeIn(pool.name) < segments) {
    throw new Refusal(
      "no-space",
      `Pool '${pool.name}' has ${core.allocator.freeIn(pool.name)} free segments, the disk needs ${segments}; grow the pool, or make the disk thin.`,
      507,
    );
  }
  const number = core.nextNumber();
  const record: DiskRecord = {
    name,
    table: `t${number}`,
    sizeBytes,
    pool: pool.name,
    thick,
    naa: naaOf(core.lab.cluster, number),
    serial: `${core.lab.cluster.slice(0, 8)}${number.toString(16).padStart(8, "0")}`,
    generation: 1,
    operation: thick ? "creating" : "none",
  };
  await core.options.store.commit({ puts: [core.records.disks.put(name, record), core.numbers()] });
  core.records.disks.learn(name, record);
  if (thick) await fill(core, record, segments);
  return describe(core, core.records.disks.get(name) as DiskRecord);
}

async function fill(core: ControllerCore, { name, pool }: DiskRecord, segments: number): Promise<void> {
  for (let first = 0; first < segments; first += THICK_BATCH) {
    const count = Math.min(THICK_BATCH, segments - first);
    const locations = await core.space.allocate(pool, count);
    if (locations === undefined) {
      await removeDisk(core, core.records.disks.get(name) as DiskRecord);
      throw new Refusal("no-space", `Pool '${pool}' filled up while the disk was made; grow it and try again.`, 507);
    }
    await core.space.map(
      name,
      Array.from({ length: count }, (_, at) => first + at),
      locations,
    );
  }
  await core.records.disks.save(core.options.store, name, {
    ...(core.records.disks.get(name) as DiskRecord),
    operation: "none",
  });
}

export async function resizeDisk(core: ControllerCore, name: string, sizeBytes: number): Promise<Disk> {
  const disk = core.records.disks.get(name);
  if (disk === undefined) throw notFound("disk", name);
  checkSize(sizeBytes, core.records.pools.get(disk.pool)?.segmentBytes as number);
  if (sizeBytes < disk.sizeBytes) {
    throw new Refusal(
      "shrink",
      `Disk '${name}' has ${disk.sizeBytes} bytes and cannot shrink to ${sizeBytes}; make a smaller disk and copy what it holds.`,
    );
  }
  await core.records.disks.save(core.options.store, name, { ...disk, sizeBytes });
  await core.agents.reconcile();
  return describe(core, core.records.disks.get(name) as DiskRecord);
}

export async function deleteDisk(core: ControllerCore, name: string): Promise<void> {
  const disk = core.records.disks.get(name);
  if (disk === undefined) throw notFound("disk", name);
  const exported = core.records.exports.values().find((row) => row.disk === name);
  if (exported)
    throw new Refusal("exported", `Disk '${name}' is exported to host '${exported.host}'; delete that export first.`);
  await removeDisk(core, disk);
}

/** Recorded, taken from every agent, and only then given back. */
export async function removeDisk(core: ControllerCore, disk: DiskRecord): Promise<void> {
  await core.records.disks.save(core.options.store, disk.name, { ...disk, operation: "deleting" });
  await core.agents.reconcile();
  await core.agents.toTable(disk.table, { type: "delete_table", table: disk.table });
  const held = [];
  for await (const [, location] of core.space.mapped(disk.table)) held.push(location);
  const deletes = [
    ...(await core.tables.removal(disk.table)),
    core.records.disks.key(disk.name),
    core.records.units.key(unitId(disk)),
  ];
  await core.options.store.commit({ deletes });
  core.records.disks.learn(disk.name, undefined);
  core.records.units.learn(unitId(disk), undefined);
  core.tables.forget(disk.table);
  await core.space.release(held);
}

export async function describe(core: ControllerCore, disk: DiskRecord): Promise<Disk> {
  const { name, table, sizeBytes, pool, thick, naa, serial } = disk;
  const { segmentBytes } = core.records.pools.get(pool) as { segmentBytes: number };
  let mappedSegments = 0;
  for await (const _row of core.space.mapped(table)) mappedSegments += 1;
  const segments = Math.ceil(sizeBytes / segmentBytes);
  return {
    name,
    table,
    sizeBytes,
    pool,
    thick,
    naa,
    serial,
    segments,
    mappedSegments,
    sharedSegments: 0,
    ownSegments: mappedSegments,
  };
}

export async function mapOf(core: ControllerCore, name: string, all: boolean): Promise<MapRow[]> {
  const disk = core.records.disks.get(name);
  if (disk === undefined) throw notFound("disk", name);
  const rows = new Map<number, MapRow>();
  for await (const [segment, location] of core.space.mapped(disk.table)) {
    const device = core.records.devices.get(String(location.device))?.path ?? null;
    rows.set(segment, { segment, state: "", device, deviceSegment: location.segment, holders: [name] });
  }
  if (!all) return [...rows.values()];
  const { segments } = await describe(core, disk);
  return Array.from(
    { length: segments },
    (_, segment) => rows.get(segment) ?? { segment, state: "Z", device: null, deviceSegment: null, holders: [name] },
  );
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
