import { randomUUID } from "node:crypto";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { errorCode } from "../errors.ts";
import { UserError } from "../user-error.ts";
import { readJson, writeJson } from "./json-file.ts";
import { STATE_FILES, STATE_FORMAT } from "./layout.ts";

/** What lab files have declared here so far: `up --prune` deletes of it what the file no longer has, and nothing else. */
export interface Declared {
  readonly pools: readonly string[];
  readonly disks: readonly string[];
  readonly agents: readonly string[];
  readonly hosts: readonly string[];
  readonly zones: readonly string[];
  /** These are absent in records of before lab files had them. */
  readonly aliases?: readonly string[];
  readonly zoneSets?: readonly string[];
  readonly faults?: readonly string[];
  /** "DISK/TABLE". */
  readonly tables?: readonly string[];
  /** "HOST/DISK", "HOST/DISK/TABLE". */
  readonly exports: readonly string[];
}

export const NOTHING_DECLARED: Declared = { pools: [], disks: [], agents: [], hosts: [], zones: [], exports: [] };

/** The contents of `lab.json`. */
export interface LabRecord {
  readonly format: number;
  /** Marks the processes of this state directory, wherever it is moved. */
  readonly id: string;
  readonly lab: string;
  /** The lab file of the last `up`; null before it was done. */
  readonly file: string | null;
  readonly declared: Declared;
}

/**
 * The record of a state directory; undefined where there is no directory, or an empty one.
 * @throws {UserError} STATE_VERSION for a newer format, STATE_DIRECTORY where the directory is something else.
 */
export async function readLabRecord(state: string): Promise<LabRecord | undefined> {
  const record = await parsed(state);
  if (record === undefined) {
    if (await isForeign(state)) {
      throw new UserError(
        "STATE_DIRECTORY",
        `The directory ${state} holds something other than a lab's state: name another one with --state.`,
      );
    }
    return undefined;
  }
  if (record.format > STATE_FORMAT) {
    throw new UserError(
      "STATE_VERSION",
      `The state directory ${state} was written by a newer sanlab (format ${record.format}, this one knows ${STATE_FORMAT}): use that version, or another directory with --state.`,
    );
  }
  return record;
}

export async function createLabRecord(state: string, lab: string): Promise<LabRecord> {
  await mkdir(state, { recursive: true, mode: 0o700 });
  // Made here once, and by nobody else: a state directory that is removed under its processes must stay away.
  for (const name of [STATE_FILES.logs, STATE_FILES.hosts, STATE_FILES.agents]) {
    await mkdir(join(state, name), { recursive: true });
  }
  const record = { format: STATE_FORMAT, id: randomUUID(), lab, file: null, declared: NOTHING_DECLARED };
  await writeLabRecord(state, record);
  return record;
}

export async function writeLabRecord(state: string, record: LabRecord): Promise<void> {
  await writeJson(join(state, STATE_FILES.lab), record);
}

async function parsed(state: string): Promise<LabRecord | undefined> {
  const file = join(state, STATE_FILES.lab);
  try {
    const record = await readJson<LabRecord | null>(file);
    if (record === undefined || typeof record?.format === "number") return record;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new UserError("STATE_DIRECTORY", `The file ${file} is damaged: restore it from a copy.`);
}

async function isForeign(state: string): Promise<boolean> {
  try {
    const names = await readdir(state);
    // A controller that was run by itself has been here, or an `up` that was cut short.
    const ours: readonly string[] = [STATE_FILES.endpoint, STATE_FILES.token, STATE_FILES.logs];
    return names.length > 0 && !names.some((name) => ours.includes(name) || name.startsWith(STATE_FILES.lab));
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw error;
  }
}
