/** Roots of tables: as long as they must be; and disks for roots and chunks that no disk has. */
import { CHUNK_ENTRIES } from "node-iscsi-target/mapping/entry.ts";
import { identityOf } from "../disks.ts";
import type { DiskRecord, PoolRecord } from "../records.ts";
import { locationAt } from "../tables/layout.ts";
import { sharesAny } from "./identity.ts";
import { turn } from "./pace.ts";
import type { Findings } from "./problem.ts";
import type { Stored } from "./stored.ts";

/** A root that is gone, or ends within a number: what it named is not known any more. */
export function brokenRoots(stored: Stored, findings: Findings): void {
  for (const disk of stored.records.disks.values()) {
    const mapped = stored.records.usage.get(disk.table)?.mapped ?? 0;
    const isMissing = mapped > 0 && !stored.roots.has(disk.table);
    if (!isMissing && !stored.tornRoots.has(disk.table)) continue;
    const root = stored.roots.get(disk.table) ?? new Uint32Array(0);
    const { segmentBytes } = stored.records.pools.get(disk.pool) as PoolRecord;
    const segments = Math.ceil(disk.sizeBytes / segmentBytes);
    const whole = new Uint32Array(Math.max(root.length, Math.ceil(segments / CHUNK_ENTRIES)));
    whole.set(root);
    for (let at = root.length; at < whole.length; at += 1) whole[at] = stored.addLostChunk();
    stored.setRoot(disk.table, whole);
    findings.add(
      isMissing ? "root-missing" : "root",
      `The table of disk '${disk.name}' ${isMissing ? "has no root" : `ends within an entry of its root`}.`,
      `Its segments from ${root.length * CHUNK_ENTRIES} on fail when they are read.`,
      true,
    );
  }
}

/** @returns the tables of disks that were made for what no disk has. */
export async function foundDisks(stored: Stored, findings: Findings): Promise<Set<string>> {
  const tables = new Set(stored.records.disks.values().map(({ table }) => table));
  const found = new Set<string>();
  for (const [table, root] of [...stored.roots]) {
    if (tables.has(table)) continue;
    const chunks = [...root].filter((number) => stored.chunks.has(number));
    const pool = await poolOf(stored, chunks);
    const what = `The table ${table} belongs to no disk`;
    if (pool === undefined) {
      findings.add("root-leaked", `${what}, and holds nothing.`, "It is removed.");
      stored.dropRoot(table);
      continue;
    }
    const kin = await kinOf(stored, root);
    const own = /^t[0-9]{1,10}$/.test(table) ? table : `t${stored.nextNumber()}`;
    if (own !== table) {
      stored.dropRoot(table);
      stored.setRoot(own, root);
    }
    const name = addFound(stored, own, root, pool, kin);
    findings.add("root-leaked", `${what}.`, `What it holds is disk '${name}' from now on, to be read only.`, true);
    found.add(own);
  }
  for (const table of await foundChunks(stored, findings)) found.add(table);
  return found;
}

/** Chunks that no root names: those that hold anything become a disk, in the order of their numbers. */
async function foundChunks(stored: Stored, findings: Findings): Promise<string[]> {
  const left = new Set(stored.chunks.numbers());
  for (const root of stored.roots.values()) {
    await turn();
    for (const number of root) left.delete(number);
  }
  const pools = new Map<string | undefined, number[]>();
  for (const number of [...left].sort((a, b) => a - b)) {
    const pool = (await poolOf(stored, [number]))?.name;
    if (!pools.get(pool)?.push(number)) pools.set(pool, [number]);
  }
  const tables: string[] = [];
  for (const [poolName, chunks] of pools) {
    const what = `${chunks.length === 1 ? "Chunk" : "Chunks"} ${chunks.join(", ")} of tables ${chunks.length === 1 ? "belongs" : "belong"} to no disk`;
    const pool = poolName === undefined ? undefined : stored.records.pools.get(poolName);
    if (pool === undefined) {
      findings.add("chunk-leaked", `${what}, and ${chunks.length === 1 ? "holds" : "hold"} nothing.`, "Removed.");
      for (const number of chunks) stored.dropChunk(number);
      continue;
    }
    const table = `t${stored.nextNumber()}`;
    const root = Uint32Array.from(chunks);
    stored.setRoot(table, root);
    const name = addFound(stored, table, root, pool);
    findings.add("chunk-leaked", `${what}.`, `What is in there is disk '${name}' from now on, to be read only.`, true);
    tables.push(table);
  }
  return tables;
}

function addFound(stored: Stored, table: string, root: Uint32Array, pool: PoolRecord, kin?: DiskRecord): string {
  const { disks, lab } = stored.records;
  const name = `found-${table}`;
  const { naa, serial } = identityOf(lab.get("lab")?.cluster ?? "", Number(table.slice(1)));
  const disk: DiskRecord = {
    name,
    table,
    family: kin?.family ?? table,
    naa,
    serial,
    origin: kin?.table ?? null,
    kind: kin === undefined ? "disk" : "clone",
    readOnly: true,
    createdAt: new Date(0).toISOString(),
    sizeBytes: root.length * CHUNK_ENTRIES * pool.segmentBytes,
    pool: pool.name,
    thick: false,
    operation: "none",
  };
  stored.save(disks, name, disk);
  return name;
}

/** The pool in which the first segment of these lies; undefined where they hold none. */
async function poolOf({ records, chunks }: Stored, numbers: readonly number[]): Promise<PoolRecord | undefined> {
  for (const number of numbers) {
    const entries = (await chunks.get(number)) as Uint32Array;
    for (let at = 0; at < entries.length; at += 2) {
      const device = locationAt(entries, at)?.device;
      const pool = device === undefined ? undefined : records.devices.get(String(device))?.pool;
      if (pool !== undefined) return records.pools.get(pool);
    }
  }
  return undefined;
}

/** A disk that shares segments with it. */
async function kinOf(stored: Stored, root: Uint32Array): Promise<DiskRecord | undefined> {
  for (const disk of stored.records.disks.values()) {
    const other = stored.roots.get(disk.table) ?? new Uint32Array(0);
    for (const [index, number] of root.entries()) {
      const [ours, theirs] = [await stored.chunks.get(number), await stored.chunks.get(other[index] ?? 0)];
      if (ours !== undefined && theirs !== undefined && sharesAny(ours, theirs)) return disk;
    }
  }
  return undefined;
}
