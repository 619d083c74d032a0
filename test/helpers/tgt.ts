/**
 * tgt, the iSCSI target in C that the conformance and performance tables compare with: a tgtd of
 * our own, on a port of its own, with a control socket of its own.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";

const START_MS = 10_000;

/** One logical unit that is served until `close`. */
export interface ServedDisk {
  /** As libiscsi writes it: `iscsi://HOST:PORT/IQN/LUN`. */
  readonly url: string;
  /** Another path to it, where there is one. */
  readonly secondUrl?: string;
  close(): Promise<void>;
}

/** Serves an image file as LUN 1 (tgt keeps LUN 0 for its own controller); everybody is let in. */
export async function startTgt(imagePath: string): Promise<ServedDisk & { readonly pid: number }> {
  const directory = await mkdtemp(join(tmpdir(), "sanlab-tgt-"));
  const port = await freePort();
  const env = { TGT_IPC_SOCKET: join(directory, "control") };
  const daemon = execa("tgtd", ["-f", "-C", "1", "--iscsi", `portal=127.0.0.1:${port}`], {
    env,
    stdin: "ignore",
    reject: false,
  });
  const close = async (): Promise<void> => {
    // tgtd does not end on SIGTERM; what it wrote is in the page cache, and its sockets lie in our directory.
    daemon.kill("SIGKILL");
    await daemon;
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await answering(daemon, env);
    const name = "iqn.2026-11.example:tgt";
    await tgtadm(env, "--op", "new", "--mode", "target", "--tid", "1", "-T", name);
    await tgtadm(env, "--op", "new", "--mode", "logicalunit", "--tid", "1", "--lun", "1", "-b", imagePath);
    await tgtadm(env, "--op", "bind", "--mode", "target", "--tid", "1", "-I", "ALL");
    return { url: `iscsi://127.0.0.1:${port}/${name}/1`, pid: daemon.pid as number, close };
  } catch (error) {
    await close();
    throw error;
  }
}

type Environment = Readonly<Record<string, string>>;

async function tgtadm(env: Environment, ...args: string[]): Promise<void> {
  await execa("tgtadm", ["-C", "1", "--lld", "iscsi", ...args], { env, stdin: "ignore" });
}

async function answering(daemon: PromiseLike<{ readonly stderr: unknown }>, env: Environment): Promise<void> {
  const end = performance.now() + START_MS;
  let ended: string | undefined;
  void daemon.then((result) => {
    ended = String(result.stderr);
  });
  for (;;) {
    if (ended !== undefined) throw new Error(`tgtd ended: ${ended}`);
    const shown = await execa("tgtadm", ["-C", "1", "--op", "show", "--mode", "system"], { env, reject: false });
    if (shown.exitCode === 0) return;
    if (performance.now() > end) throw new Error(`tgtd did not answer within ${START_MS} ms: ${shown.stderr}`);
    await sleep(50);
  }
}

/** tgtd takes no port 0. Another program may take the port in between; tgtd then says so and ends. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
