import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { createConnection, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { VmError } from "./vm-error.ts";

const RETRY_MS = 20;

/**
 * Connects to the socket `name` in a run directory, however long the directory's path: through a descriptor of it.
 *
 * QEMU serves one client of a socket at a time. The next one is connected but not heard before the first has gone;
 * further ones are refused for the moment (EAGAIN) and tried again here, until `deadlineMs` (of `performance.now()`).
 * Throws HOST_NOT_RUNNING when nobody listens, and GUEST_AGENT_BUSY when the deadline comes first.
 */
export async function connectRunSocket(runDir: string, name: string, deadlineMs: number): Promise<Socket> {
  for (;;) {
    try {
      return await connectOnce(runDir, name);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code === "ENOENT" || code === "ECONNREFUSED" || code === "ENOTDIR") throw notRunning(runDir, error);
      if (code !== "EAGAIN") throw error;
      if (performance.now() > deadlineMs) {
        throw new VmError(
          "GUEST_AGENT_BUSY",
          `Too many programs wait for ${name} of the host in ${runDir}: try again later.`,
          { cause: error },
        );
      }
      await delay(RETRY_MS);
    }
  }
}

async function connectOnce(runDir: string, name: string): Promise<Socket> {
  const directory = await open(runDir, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return await new Promise<Socket>((resolve, reject) => {
      const socket = createConnection(`/proc/self/fd/${directory.fd}/${name}`);
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(socket);
      });
    });
  } finally {
    await directory.close();
  }
}

function notRunning(runDir: string, cause: unknown): VmError {
  return new VmError("HOST_NOT_RUNNING", `No QEMU host runs in ${runDir}: start it first.`, { cause });
}
