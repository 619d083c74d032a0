import { readFile, readlink, realpath } from "node:fs/promises";
import { join } from "node:path";
import { RUN_FILES } from "./run-directory.ts";

/** A process beyond doubt: its number may be given to another one later, its start time not as well. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks from boot to the start of the process (proc(5), /proc/PID/stat field 22). */
  readonly startTicks: number;
}

/** The live process with this number; undefined when there is none, or only its exit status is left (a zombie). */
export async function processIdentity(pid: number): Promise<ProcessIdentity | undefined> {
  const status = await readOptional(`/proc/${pid}/stat`);
  // The second field, the program's name in parentheses, may hold spaces and parentheses itself.
  const fields = status?.slice(status.lastIndexOf(")") + 2).split(" ");
  const [state, startTicks] = [fields?.[0], Number(fields?.[19])];
  if (state === undefined || state === "Z" || state === "X" || !Number.isInteger(startTicks)) return undefined;
  return { pid, startTicks };
}

export async function isAlive({ pid, startTicks }: ProcessIdentity): Promise<boolean> {
  return (await processIdentity(pid))?.startTicks === startTicks;
}

/** Sends `signal` unless the process has ended. */
export async function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): Promise<void> {
  if (!(await isAlive(identity))) return;
  try {
    process.kill(identity.pid, signal);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

/**
 * The QEMU process of a run directory, whoever started it; undefined when it is not running.
 * The pid file may be that of a killed QEMU and its number another's by now: QEMU's working directory tells.
 */
export async function hostProcess(runDir: string): Promise<ProcessIdentity | undefined> {
  const pid = Number(await readOptional(join(runDir, RUN_FILES.pidFile)));
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  const identity = await processIdentity(pid);
  if (identity === undefined) return undefined;
  const [cwd, directory] = await Promise.all([
    orUndefined(readlink(`/proc/${pid}/cwd`)),
    orUndefined(realpath(runDir)),
  ]);
  return cwd !== undefined && cwd === directory ? identity : undefined;
}

function readOptional(path: string): Promise<string | undefined> {
  return orUndefined(readFile(path, "utf8"));
}

/** Processes end and files go between one look and the next: what is gone is undefined. */
async function orUndefined(reading: Promise<string>): Promise<string | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof Error && "code" in error && GONE_CODES.has(`${error.code}`)) return undefined;
    throw error;
  }
}

const GONE_CODES = new Set(["ENOENT", "ESRCH", "ENOTDIR", "EACCES"]);
