import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { errorCode } from "../errors.ts";
import { DEFAULT_DEVICE, DEFAULT_PATIENCE_MS, type LabHost } from "../lab/lab.ts";
import { readJson, writeJson } from "../state/json-file.ts";
import { hostRecordFile, hostRunDirectory, STATE_FILES, STATE_FORMAT } from "../state/layout.ts";

/** What a QEMU host is started with. */
export type HostSettings = Omit<LabHost, "disks" | "external">;

/** A QEMU host, and whether it should be running. */
export interface HostRecord extends HostSettings {
  readonly format: number;
  readonly wanted: "running" | "stopped";
}

/** Settings that a record of an earlier version does not have. */
const DEFAULTS = { nics: 1, device: DEFAULT_DEVICE, guestAgent: true, patienceMs: DEFAULT_PATIENCE_MS } as const;

/** The settings that take effect at the next start: all but the names. */
export const START_SETTINGS = [
  "memoryMiB",
  "initiator",
  "nics",
  "device",
  "additions",
  "image",
  "seed",
  "guestAgent",
  "patienceMs",
] as const satisfies readonly (keyof HostSettings)[];

export function hostRecord(host: LabHost, wanted: HostRecord["wanted"]): HostRecord {
  const { disks: _disks, external: _external, ...settings } = host;
  return { format: STATE_FORMAT, ...settings, wanted };
}

export async function readHostRecord(state: string, name: string): Promise<HostRecord | undefined> {
  const record = await readJson<HostRecord>(hostRecordFile(state, name));
  return record === undefined ? undefined : { ...DEFAULTS, ...record };
}

export async function writeHostRecord(state: string, record: HostRecord): Promise<void> {
  await writeJson(hostRecordFile(state, record.name), record);
}

/** All QEMU hosts of a state directory, by name. */
export async function readHostRecords(state: string): Promise<HostRecord[]> {
  const names = (await namesIn(join(state, STATE_FILES.hosts))).filter((name) => name.endsWith(".json")).sort();
  const records = await Promise.all(names.map((name) => readHostRecord(state, name.slice(0, -".json".length))));
  return records.filter((record) => record !== undefined);
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}

/** Forgets a host: its record, and its run directory with the logs of its guest. */
export async function removeHostRecord(state: string, name: string): Promise<void> {
  await rm(hostRecordFile(state, name), { force: true });
  await rm(hostRunDirectory(state, name), { recursive: true, force: true });
}
