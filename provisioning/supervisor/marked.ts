import { readdir, readFile } from "node:fs/promises";
import { type ProcessIdentity, processIdentity } from "@sanlab/vm";
import { errorCode } from "../errors.ts";

/** In the environment of every daemon: which state directory it serves, and as what. */
export const MARK = "SANLAB_SUPERVISED";

export function mark(stateId: string, daemon: string): string {
  return `${stateId}:${daemon}`;
}

/** A live daemon of a state directory, whoever started it. */
export interface MarkedProcess {
  readonly daemon: string;
  readonly identity: ProcessIdentity;
}

/**
 * All live daemons of the state directory with this id, by their environment (proc(5), /proc/PID/environ).
 * It finds those too that were started in the instant before a supervisor died and that no file names.
 */
export async function markedProcesses(stateId: string): Promise<MarkedProcess[]> {
  const pids = (await readdir("/proc")).filter((name) => /^[0-9]+$/.test(name)).map(Number);
  const found = await Promise.all(pids.map((pid) => markedProcess(stateId, pid)));
  return found.filter((process) => process !== undefined);
}

async function markedProcess(stateId: string, pid: number): Promise<MarkedProcess | undefined> {
  const prefix = `${MARK}=${stateId}:`;
  const word = (await environment(pid)).split("\0").find((entry) => entry.startsWith(prefix));
  if (word === undefined) return undefined;
  const identity = await processIdentity(pid);
  return identity === undefined ? undefined : { daemon: word.slice(prefix.length), identity };
}

/** Empty for a process that has gone, that is a zombie, or that belongs to another user. */
async function environment(pid: number): Promise<string> {
  try {
    return await readFile(`/proc/${pid}/environ`, "utf8");
  } catch (error) {
    if (["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(errorCode(error))) return "";
    throw error;
  }
}
