/** The controller's second door, over TLS: agents and clients of other machines, where somebody has said that it is to listen there. */
import { createServer, type Server } from "node:https";
import { networkInterfaces } from "node:os";
import type { FastifyInstance } from "fastify";
import type { RemoteListener, RemoteRequest } from "../api/resources.ts";
import type { ControllerCore } from "../core.ts";
import { Refusal } from "../user-error.ts";
import type { RemoteRecord } from "./record.ts";
import { credentials } from "./tls.ts";

const KEY = "lab";
const WILDCARDS: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

export interface DoorOptions {
  readonly core: ControllerCore;
  /** What answers requests. */
  readonly api: Pick<FastifyInstance, "routing">;
  /** Lets agents in that come to this server. */
  readonly serveAgents: (server: Server) => void;
  readonly stateDirectory: string;
}

export class Door {
  readonly #options: DoorOptions;
  readonly #core: ControllerCore;
  #server: Server | undefined;

  constructor(options: DoorOptions) {
    this.#options = options;
    this.#core = options.core;
  }

  /** As the record says, where there is one. What keeps it from that is logged: the lab's own agents need no door. */
  async restore(): Promise<void> {
    const record = this.#core.records.remote.get(KEY);
    if (record === undefined) return;
    try {
      await this.#listen(record);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#core.options.log(error.message);
    }
  }

  /** Listens there from now on and after every start, and nowhere else. @throws Refusal where it cannot; nothing has changed then */
  async open({ host, port, names }: RemoteRequest): Promise<RemoteListener> {
    const record: RemoteRecord = { host, port, names: names?.length ? names : namesOf(host) };
    const before = this.#core.records.remote.get(KEY);
    await this.#shut();
    try {
      await this.#listen(record);
    } catch (error) {
      if (before !== undefined) await this.restore();
      throw error;
    }
    return this.show() as RemoteListener;
  }

  show(): RemoteListener | null {
    const record = this.#core.records.remote.get(KEY);
    if (this.#core.door === undefined || record === undefined) return null;
    return { ...this.#core.door, names: record.names };
  }

  async close(): Promise<void> {
    const remote = this.#core.records.agents.values().find((agent) => agent.remote !== undefined);
    if (remote !== undefined) {
      throw new Refusal(
        "in-use",
        `Agent '${remote.name}' of another machine reaches the controller there; remove it first.`,
      );
    }
    await this.#shut();
    await this.#core.records.remote.remove(this.#core.options.store, KEY);
  }

  /** The process ends. */
  async end(): Promise<void> {
    await this.#shut();
  }

  async #listen(record: RemoteRecord): Promise<void> {
    const { ca, ...pair } = credentials(this.#options.stateDirectory, this.#core.lab.name, record.names);
    const server = createServer(pair, (request, response) => this.#options.api.routing(request, response));
    this.#options.serveAgents(server);
    const port = await bound(server, record);
    server.on("error", (error) => this.#core.bug(error));
    this.#server = server;
    // Agents know the port: it is taken again.
    await this.#core.records.remote.save(this.#core.options.store, KEY, { ...record, port });
    this.#core.door = { url: `https://${bracketed(record.names[0] as string)}:${port}`, ca };
    this.#core.options.log(`listens for other machines on ${bracketed(record.host)}:${port}`);
  }

  async #shut(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#core.door = undefined;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    server.emit("shut");
    await closed;
  }
}

const doors = new WeakMap<ControllerCore, Door>();

/** The door of a controller that begins: open where it was open last. */
export async function openDoor(options: DoorOptions): Promise<Door> {
  const door = new Door(options);
  doors.set(options.core, door);
  await door.restore();
  return door;
}

/** @throws Refusal in a controller that has none */
export function doorOf(core: ControllerCore): Door {
  const door = doors.get(core);
  if (door === undefined) throw new Refusal("no-door", "This controller cannot listen for other machines.");
  return door;
}

function namesOf(host: string): string[] {
  if (!WILDCARDS.has(host)) return [host];
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const others = all.filter(({ internal, address }) => !internal && !address.startsWith("fe80"));
  if (others.length > 0) return others.map(({ address }) => address);
  throw new Refusal("names", "This machine has no address but its own loopback; say under which name it is reached.");
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "is in use by another program; stop it, or choose another port (0 takes any free one)",
  EADDRNOTAVAIL: "is no address of this machine; choose one of its own, or 0.0.0.0 for all",
  EACCES: "may not be used by this user; choose a port from 1024 on",
  ENOTFOUND: "is no known host; choose an address of this machine",
};

function bound(server: Server, { host, port }: RemoteRecord): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const reason = REASONS[error.code ?? ""];
      reject(reason === undefined ? error : new Refusal("listen", `${bracketed(host)}:${port} ${reason}.`));
    });
    server.listen(port, host, () => {
      server.removeAllListeners("error");
      resolve((server.address() as { port: number }).port);
    });
  });
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
