import { join } from "node:path";
import { readJson, writeJson } from "../state/json-file.ts";
import { STATE_FILES, STATE_FORMAT } from "../state/layout.ts";

/** A daemon to be kept alive: `sanlab ARGS`. */
export interface DaemonSpec {
  readonly name: string;
  readonly args: readonly string[];
}

/** What the supervisor must know again after its own death. */
export interface DaemonRecord extends DaemonSpec {
  /** The last process, alive or not: found again by number and start time. */
  readonly process: { readonly pid: number; readonly startTicks: number } | null;
}

interface ProcessesFile {
  readonly format: number;
  readonly daemons: readonly DaemonRecord[];
}

export async function readDaemons(state: string): Promise<readonly DaemonRecord[]> {
  return (await readJson<ProcessesFile>(join(state, STATE_FILES.processes)))?.daemons ?? [];
}

export async function writeDaemons(state: string, daemons: readonly DaemonRecord[]): Promise<void> {
  const file: ProcessesFile = { format: STATE_FORMAT, daemons };
  await writeJson(join(state, STATE_FILES.processes), file);
}
