/** The checker of the persistent tables (rule 9): every segment held by exactly those who say so, nothing leaked. */
import { CHUNK_ENTRIES, EntryState } from "node-iscsi-target/mapping/entry.ts";
import { deviceOf, segmentOf, statesOf } from "node-iscsi-target/mapping/mapping-table.ts";
import type { CheckReport } from "../api/resources.ts";
import type { AllRecords } from "../records.ts";
import type { Store } from "../store/store.ts";
import { chunkKey, holderKey, rootKey, segmentKey } from "../tables/chunks.ts";

type Problem = CheckReport["problems"][number];

/** `between`: after a crash, records that no table names are not damage: the next start frees them. */
export async function check(store: Store, records: AllRecords): Promise<CheckReport> {
  const problems: Problem[] = [];
  const claimed = new Map<string, string>();
  const chunks = new Set<string>();
  for (const disk of records.disks.values()) {
    const root = words(await store.get(rootKey(disk.table)));
    for (const [index, number] of root.entries()) {
      if (number === 0) continue;
      const key = chunkKey(number);
      const value = await store.get(key);
      if ((await store.get(holderKey(number, disk.table))) === undefined) {
        problems.push({
          code: "chunk-holder",
          message: `Disk '${disk.name}' uses chunk ${number}, but no record says so.`,
        });
      }
      if (value === undefined)
        problems.push({ code: "chunk-missing", message: `Chunk ${number} of disk '${disk.name}' is missing.` });
      else if (!chunks.has(key))
        problems.push(...(await checkChunk(store, records, disk.name, number, index, words(value), claimed)));
      chunks.add(key);
    }
  }
  for (const [key] of await store.range("segment/")) {
    if (!claimed.has(key))
      problems.push({ code: "segment-leaked", message: `${key} is recorded as used, but no disk maps it.` });
  }
  for (const [key] of await store.range("chunk/")) {
    if (!chunks.has(key)) problems.push({ code: "chunk-leaked", message: `${key} belongs to no disk.` });
  }
  return { consistent: problems.length === 0, problems };
}

async function checkChunk(
  store: Store,
  records: AllRecords,
  disk: string,
  number: number,
  at: number,
  entries: Uint32Array,
  claimed: Map<string, string>,
): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (let index = 0; index < entries.length / 2; index += 1) {
    const [word0, word1] = [entries[index * 2] as number, entries[index * 2 + 1] as number];
    if (statesOf(word0) & EntryState.ZERO) continue;
    const where = `Segment ${at * CHUNK_ENTRIES + index} of disk '${disk}'`;
    const key = segmentKey(deviceOf(word1), segmentOf(word0));
    const device = records.devices.get(String(deviceOf(word1)));
    if (device === undefined || segmentOf(word0) < 1 || segmentOf(word0) >= device.segments) {
      problems.push({
        code: "location",
        message: `${where} lies at ${key}, which is no place on a device of this lab.`,
      });
    }
    const other = claimed.get(key);
    if (other !== undefined)
      problems.push({ code: "shared", message: `${where} lies at ${key}, where ${other} lies too.` });
    claimed.set(key, where);
    const holder = await store.get(key);
    const says = holder && (JSON.parse(Buffer.from(holder).toString()) as { chunk: number; index: number });
    if (!says || says.chunk !== number || says.index !== index) {
      problems.push({ code: "segment-holder", message: `${where} lies at ${key}, but its record does not say so.` });
    }
  }
  return problems;
}

function words(value: Uint8Array | undefined): Uint32Array {
  return value === undefined ? new Uint32Array(0) : new Uint32Array(value.slice().buffer);
}
