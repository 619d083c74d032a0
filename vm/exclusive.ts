import { createHash } from "node:crypto";
import { createServer, type Server } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

const RETRY_MS = 100;
/** For so long a lock may outlast its release: a process that was just forked has its parent's sockets until it executes its program. */
const LINGERS_MS = 200;

/**
 * Exclusive use of `name` among all processes of this machine.
 *
 * The lock is a socket in Linux's abstract namespace: the kernel lets go of it when its owner ends, however it ends,
 * so there is never a stale one to judge.
 */
export interface ExclusiveUse {
  release(): void;
}

/** Takes `name` if nobody has it; undefined if somebody has, this process included. */
export async function tryExclusive(name: string): Promise<ExclusiveUse | undefined> {
  let use = await take(name);
  for (let waitedMs = 0; use === undefined && waitedMs < LINGERS_MS; waitedMs += RETRY_MS) {
    await delay(RETRY_MS);
    use = await take(name);
  }
  return use;
}

/** Runs `work` alone: `onWait` is called once if somebody else has `name` first. */
export async function withExclusive<Result>(
  name: string,
  onWait: () => void,
  work: () => Promise<Result>,
): Promise<Result> {
  let use = await take(name);
  if (use === undefined) onWait();
  while (use === undefined) {
    await delay(RETRY_MS);
    use = await take(name);
  }
  try {
    return await work();
  } finally {
    use.release();
  }
}

async function take(name: string): Promise<ExclusiveUse | undefined> {
  const server = await bind(`\0sanlab-${createHash("sha256").update(name).digest("hex").slice(0, 48)}`);
  return server && { release: () => void server.close() };
}

function bind(address: string): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(undefined);
      else reject(error);
    });
    server.listen(address, () => resolve(server));
  });
}
