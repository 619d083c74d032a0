/** An iSCSI target node: its portals, its sessions, and who may have one (RFC 7143 4.1). */
import { EventEmitter } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { BlockDeviceServer } from "../scsi/device-server.ts";
import { type Luns, ownUnits } from "../scsi/own-units.ts";
import { FixedInventory } from "../scsi/server-context.ts";
import type { DeviceServer, Nexus, TargetPort } from "../scsi/transport.ts";
import { UserError } from "../storage/user-error.ts";
import { Connection } from "./connection.ts";
import type { LoginPolicy, LoginResult } from "./login.ts";
import { Session } from "./session.ts";
import type { Pair } from "./text.ts";

export interface Portal {
  readonly host: string;
  readonly port: number;
}

/** Who may log in, and where it is told to. Asked at every login and discovery, so it may change at any time. */
export interface TargetAccess {
  authorize(initiatorName: string): boolean;
  /** The address that an initiator is told instead of the one listened on. */
  advertised?(initiatorName: string, portal: Portal): Portal | undefined;
}

export interface TargetLimits {
  readonly connections: number;
  readonly loginTimeMs: number;
  readonly tasksPerSession: number;
}

export interface TargetOptions {
  /** An iSCSI name: iqn., eui. or naa. (RFC 7143 4.2.7). */
  readonly name: string;
  /** What it presents. Either this or `server` is given. */
  readonly luns?: Luns;
  /** A device server of the caller's own, for LUNs that come and go or differ between initiators. */
  readonly server?: DeviceServer;
  /** Absent: everybody may log in. */
  readonly access?: TargetAccess;
  readonly portGroup?: number;
  readonly relativePortId?: number;
  readonly limits?: Partial<TargetLimits>;
}

export interface SessionRow {
  readonly id: string;
  readonly initiator: string;
  readonly address: string;
  readonly headerDigest: boolean;
  readonly dataDigest: boolean;
  readonly commands: number;
  readonly queue: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

const DEFAULT_LIMITS: TargetLimits = { connections: 1024, loginTimeMs: 15_000, tasksPerSession: 128 };

interface Events {
  login: [session: SessionRow];
  logout: [session: SessionRow];
  error: [error: unknown];
}

export class Target extends EventEmitter<Events> {
  readonly name: string;
  readonly port: TargetPort;
  readonly #access: TargetAccess;
  readonly #server: DeviceServer;
  readonly #limits: TargetLimits;
  readonly #connections = new Set<Connection>();
  readonly #servers: { server: Server; portal: Portal }[] = [];
  #tsih = 0;

  /** @throws TypeError where not exactly one of `luns` and `server` is given */
  constructor(options: TargetOptions) {
    super();
    this.#access = options.access ?? { authorize: () => true };
    this.#server = deviceServerOf(options);
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.name = options.name;
    const portGroup = options.portGroup ?? 1;
    this.port = {
      name: `${options.name},t,0x${portGroup.toString(16).padStart(4, "0")}`,
      targetName: options.name,
      relativePortId: options.relativePortId ?? 1,
      portGroup,
      protocolIdentifier: 5,
      versionDescriptor: 0x0960,
    };
  }

  /** Begins to listen; resolves with the address bound. @throws UserError in one sentence where it is taken or not ours. */
  async listen(portal: Portal): Promise<Portal> {
    const server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error: NodeJS.ErrnoException) => reject(cannotListen(portal, error)));
      server.listen({ host: portal.host, port: portal.port, exclusive: true }, resolve);
    });
    const address = server.address();
    const bound = {
      host: portal.host,
      port: typeof address === "object" && address !== null ? address.port : portal.port,
    };
    this.#servers.push({ server, portal: bound });
    return bound;
  }

  /** Ends every session and listens no more; resolved when no task holds anything. */
  async close(): Promise<void> {
    const closed = this.#servers.splice(0).map(({ server }) => new Promise((resolve) => server.close(resolve)));
    await Promise.all([...this.#connections].map((connection) => connection.close()));
    await Promise.all(closed);
  }

  sessions(): SessionRow[] {
    return [...this.#connections].flatMap((connection) =>
      connection.session ? [row(connection, connection.session)] : [],
    );
  }

  /** The nexuses of an initiator's sessions. */
  nexuses(initiatorName: string): Nexus[] {
    const all = [...this.#connections].flatMap(({ session }) => (session ? [session.nexus] : []));
    return all.filter((nexus) => nexus.initiatorName === initiatorName);
  }

  /** Ends the sessions of an initiator; resolved when their tasks hold nothing. */
  async drop(initiatorName: string): Promise<void> {
    const theirs = [...this.#connections].filter((c) => c.session?.nexus.initiatorName === initiatorName);
    await Promise.all(theirs.map((connection) => connection.close()));
  }

  #accept(socket: Socket): void {
    if (this.#connections.size >= this.#limits.connections) {
      socket.destroy();
      return;
    }
    this.#connections.add(
      new Connection(socket, {
        policy: this.#policy(),
        loginTimeMs: this.#limits.loginTimeMs,
        open: (connection, result) => this.#open(connection, result),
        onClose: (connection) => this.#forget(connection),
        onError: (error) => this.emit("error", error),
      }),
    );
  }

  #forget(connection: Connection): void {
    this.#connections.delete(connection);
    if (connection.session) this.emit("logout", row(connection, connection.session));
  }

  #policy(): LoginPolicy {
    return {
      targetName: this.name,
      portalGroupTag: this.port.portGroup,
      authorize: (name) => this.#access.authorize(name),
      sessionExists: (tsih) => [...this.#connections].some((c) => c.session?.nexus.id === String(tsih)),
      newTsih: () => {
        this.#tsih = (this.#tsih % 0xffff) + 1;
        return this.#tsih;
      },
    };
  }

  async #open(connection: Connection, result: LoginResult): Promise<Session> {
    const initiatorPort = `${result.initiatorName},i,0x${result.isid.toString(16).padStart(12, "0")}`;
    // Session reinstatement (RFC 7143 6.3.5): what the old session had under way ends first.
    const old = [...this.#connections].filter(
      (c) => c.session?.nexus.initiatorPort === initiatorPort && !result.discovery,
    );
    await Promise.all(old.map((other) => other.close()));
    const session = new Session({
      nexus: { id: String(result.tsih), initiatorPort, initiatorName: result.initiatorName, targetPort: this.port },
      parameters: result.parameters,
      discovery: result.discovery,
      cmdSn: result.cmdSn,
      statSn: result.statSn,
      server: this.#server,
      writer: connection.writer,
      maxTasks: this.#limits.tasksPerSession,
      sendTargets: (name) => this.#sendTargets(result.initiatorName, name),
      onEnd: (error) => {
        if (error !== undefined) this.emit("error", error);
        void connection.close();
      },
    });
    queueMicrotask(() => this.emit("login", row(connection, session)));
    return session;
  }

  /** RFC 7143 Appendix C. */
  #sendTargets(initiatorName: string, name: string): readonly Pair[] {
    const asked = name === "All" || name === "" || name === this.name;
    if (!asked || !this.#access.authorize(initiatorName)) return [];
    const addresses = this.#servers.map(({ portal }): Pair => {
      const told = this.#access.advertised?.(initiatorName, portal) ?? portal;
      const host = told.host.includes(":") ? `[${told.host}]` : told.host;
      return ["TargetAddress", `${host}:${told.port},${this.port.portGroup}`];
    });
    return [["TargetName", this.name], ...addresses];
  }
}

function deviceServerOf({ name, luns, server }: TargetOptions): DeviceServer {
  if ((luns === undefined) === (server === undefined)) {
    throw new TypeError(`Target ${name} needs either luns or a device server; give one of the two.`);
  }
  return server ?? new BlockDeviceServer({ inventory: new FixedInventory(ownUnits(name, luns ?? {})) });
}

function row(connection: Connection, session: Session): SessionRow {
  return {
    id: session.nexus.id,
    initiator: session.nexus.initiatorName,
    address: `${connection.socket.remoteAddress ?? "?"}:${connection.socket.remotePort ?? 0}`,
    headerDigest: session.parameters.headerDigest,
    dataDigest: session.parameters.dataDigest,
    commands: session.commands,
    queue: session.tasks.size,
    bytesIn: connection.bytesIn,
    bytesOut: connection.writer.bytesOut,
  };
}

function cannotListen({ host, port }: Portal, error: NodeJS.ErrnoException): UserError {
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: "is in use by another program; stop it, or choose another port (0 takes any free one)",
    EADDRNOTAVAIL: "is not an address of this machine; choose one that is",
    EACCES: "needs privileges; choose a port above 1023",
  };
  return new UserError(
    error.code ?? "listen",
    `Portal ${host}:${port} ${reasons[error.code ?? ""] ?? `cannot be bound (${error.code})`}.`,
  );
}
