/** The controller as a process: state directory, lock, port, and an orderly end. */
import { randomBytes, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { KillFencer } from "../agents/fencer.ts";
import type { RemoteRequest } from "../api/resources.ts";
import { systemClock } from "../clock.ts";
import { ControllerCore } from "../core.ts";
import { fileMedia } from "../devices/medium.ts";
import { actionsOf } from "../injection/actions.ts";
import { SupervisorPower } from "../injection/host-power.ts";
import { goOn } from "../recovery.ts";
import { openDoor } from "../remote/door.ts";
import { superseded } from "../store/owned-store.ts";
import { SqliteStore } from "../store/sqlite-store.ts";
import { Refusal } from "../user-error.ts";
import { serveAgents, serveRemoteAgents } from "./agent-channel.ts";
import { httpServer } from "./http.ts";
import { writeDurably } from "./state-file.ts";

export interface ControllerOptions {
  readonly stateDirectory: string;
  readonly labName: string;
  /** HOST and PORT to listen on; port 0 takes the last one again, or any free one. */
  readonly listen: { readonly host: string; readonly port: number };
  /** Where to listen for other machines as well, over TLS; without it, where it did last. */
  readonly remote?: RemoteRequest;
  readonly log: (line: string) => void;
}

const DRAIN_LIMIT_MS = 10_000;

/** Serves until `stop` is aborted. @throws Refusal where the state directory is in use or of a newer version. */
export async function runController(options: ControllerOptions, stop: AbortSignal): Promise<void> {
  const { stateDirectory: state, log } = options;
  mkdirSync(state, { recursive: true, mode: 0o700 });
  const store = new SqliteStore(join(state, "controller.sqlite"));
  const core = await ControllerCore.start({
    store,
    labName: options.labName,
    fencer: new KillFencer(),
    clock: systemClock,
    mediumSource: fileMedia,
    newId: randomUUID,
    drainLimitMs: DRAIN_LIMIT_MS,
    ...powerOf(state),
    log,
    hostPower: new SupervisorPower(state),
  });
  await actionsOf(core).refresh();
  const token = tokenOf(state);
  const server = await httpServer(core, token);
  const sockets = serveAgents(server.server, core, token);
  const port = await listen(server, options.listen, state);
  const door = await openDoor({
    core,
    api: server,
    serveAgents: (remote) => serveRemoteAgents(remote, core),
    stateDirectory: state,
  });
  if (options.remote !== undefined) await door.open(options.remote);
  writeDurably(
    join(state, "controller.json"),
    JSON.stringify({ url: urlOf(options.listen.host, port), pid: process.pid }),
  );
  log(`epoch ${core.lab.epoch} of lab ${core.lab.name} on port ${port}`);
  goOn(core).catch((error: unknown) => core.bug(error));
  const stopped = new Promise<void>((resolve) =>
    stop.aborted ? resolve() : stop.addEventListener("abort", () => resolve(), { once: true }),
  );
  const isLost = await Promise.race([stopped.then(() => false), core.lost.then(() => true)]);
  for (const socket of sockets.clients) socket.terminate();
  await door.end();
  await server.close();
  core.close();
  await store.close();
  if (isLost) throw superseded();
}

/** The port that agents know is taken again where it is free. */
async function listen(
  server: Awaited<ReturnType<typeof httpServer>>,
  { host, port }: { host: string; port: number },
  state: string,
): Promise<number> {
  const ports = port === 0 ? [lastPort(state), 0] : [port];
  for (const candidate of ports) {
    if (candidate === undefined) continue;
    try {
      await server.listen({ host, port: candidate });
      const address = server.server.address();
      return typeof address === "object" && address !== null ? address.port : candidate;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    }
  }
  throw new Refusal(
    "port",
    `Port ${port} of ${host} is in use by another program; stop it, or choose another port (0 takes any free one).`,
  );
}

function lastPort(state: string): number | undefined {
  const file = join(state, "controller.json");
  if (!existsSync(file)) return undefined;
  return Number(new URL((JSON.parse(readFileSync(file, "utf8")) as { url: string }).url).port) || undefined;
}

/** Whoever starts a whole lab writes there since when it has had power. */
function powerOf(state: string): { power?: string } {
  const file = join(state, "power");
  return existsSync(file) ? { power: readFileSync(file, "utf8").trim() } : {};
}

function tokenOf(state: string): string {
  const file = join(state, "token");
  if (!existsSync(file)) writeDurably(file, randomBytes(32).toString("hex"));
  return readFileSync(file, "utf8").trim();
}

function urlOf(host: string, port: number): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
