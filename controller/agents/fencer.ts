/** Fencing by kill (docs/protocol.md, Lost agents): an agent on this machine is killed, and its end is seen by taking its lock. */
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import type { AgentProcess } from "node-iscsi-target/mapping/protocol.ts";
import { tryLock } from "node-iscsi-target/storage/syscalls/locks.ts";

export interface Fencer {
  /** Resolves when the process surely issues no I/O any more. */
  fence(process: AgentProcess): Promise<void>;
  /** Whether it issues none already. */
  hasEnded(process: AgentProcess): boolean;
}

const POLL_MS = 20;

export class KillFencer implements Fencer {
  async fence(agent: AgentProcess): Promise<void> {
    while (!this.hasEnded(agent)) {
      // Only the process that was recorded: a pid may be somebody else's by now.
      if (startTime(agent.pid) === agent.startTime) signal(agent.pid);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  hasEnded(agent: AgentProcess): boolean {
    return isDead(agent);
  }
}

/** Dead is who has left its lock, or whose pid is nobody's or another's. */
function isDead(agent: AgentProcess): boolean {
  if (startTime(agent.pid) !== agent.startTime) return true;
  if (!existsSync(agent.lockFile)) return false;
  const fd = openSync(agent.lockFile, "r");
  try {
    return tryLock(fd, "exclusive");
  } finally {
    closeSync(fd);
  }
}

function signal(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Field 22 of /proc/PID/stat; undefined where the process is gone or a zombie. */
function startTime(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : Number(fields[19]);
  } catch {
    return undefined;
  }
}
