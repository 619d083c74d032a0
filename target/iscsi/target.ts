/** An iSCSI target node: its portals, its sessions, and who may have one (RFC 7143 4.1). */
import { randomBytes } from "node:crypto";
import { EventEmitter } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { BlockDeviceServer } from "../scsi/device-server.ts";
import { ownUnits } from "../scsi/own-units.ts";
import { FixedInventory } from "../scsi/server-context.ts";
import type { DeviceServer, Nexus, TargetPort } from "../scsi/transport.ts";
import { announceLunsChanged } from "./async-message.ts";
import { Connection } from "./connection.ts";
import { REJECT } from "./keys.ts";
import { listenOn } from "./listening.ts";
import type { LoginPolicy, LoginResult } from "./login-policy.ts";
import { LoginRate } from "./login-rate.ts";
import { ProtocolError } from "./protocol-error.ts";
import { commandRow, row } from "./rows.ts";
import { Session } from "./session.ts";
import { type CommandObserver, SessionConnection } from "./session-connection.ts";
import { SessionTable } from "./sessions.ts";
import { targetLimits } from "./target-limits.ts";
import type { CommandRow, Portal, SessionRow, TargetAccess, TargetLimits, TargetOptions } from "./target-options.ts";
import type { Pair } from "./text.ts";

export interface TargetEvents {
  /** A session has reached full feature phase. */
  login: [session: SessionRow];
  /** A session has ended, whichever way; none of its tasks holds anything any more. */
  logout: [session: SessionRow];
  /** A SCSI command has been answered, with whatever status. Costs nothing while nobody listens. */
  command: [command: CommandRow];
  /** A bug: the session concerned ends, the target goes on. Where nobody listens it is logged only. */
  error: [error: unknown];
}

export class Target extends EventEmitter<TargetEvents> {
  readonly name: string;
  readonly port: TargetPort;
  readonly #access: TargetAccess;
  readonly #server: DeviceServer;
  readonly #limits: TargetLimits;
  readonly #options: TargetOptions;
  readonly #connections = new Set<Connection>();
  readonly #sessions = new SessionTable();
  readonly #servers: { server: Server; portal: Portal }[] = [];
  readonly #rate: LoginRate;
  readonly #observer: CommandObserver = { answered: undefined };
  #isOpen = true;
  #isSuspended = false;

  /** @throws TypeError where not exactly one of `luns` and `server` is given; UserError where a limit is out of its range */
  constructor(options: TargetOptions) {
    super();
    this.#options = options;
    this.#access = options.access ?? { authorize: () => true };
    this.#server = deviceServerOf(options);
    this.#limits = targetLimits(options.limits);
    this.#rate = new LoginRate(this.#limits.loginsPerSecond);
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
    this.on("newListener", (event) => {
      if (event === "command")
        this.#observer.answered = (task, result) => this.emit("command", commandRow(task, result));
    });
    this.on("removeListener", () => {
      if (this.listenerCount("command") === 0) this.#observer.answered = undefined;
    });
  }

  /** Begins to listen; resolves with the address bound. @throws UserError in one sentence where it is taken or not ours. */
  async listen(portal: Portal): Promise<Portal> {
    const server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => this.#accept(socket));
    await listenOn(server, portal);
    const address = server.address();
    const bound = {
      host: portal.host,
      port: typeof address === "object" && address !== null ? address.port : portal.port,
    };
    this.#servers.push({ server, portal: bound });
    if (this.#isSuspended) server.close();
    return bound;
  }

  /**
   * Listens no more, asks the initiators that understand it to log out, and ends the sessions that
   * are there after `logoutTimeMs`; resolved when no task holds anything. Peers that read nothing
   * are waited for no longer than `closeTimeMs`.
   */
  async close(): Promise<void> {
    this.#isOpen = false;
    const closed = this.#servers.splice(0).map(({ server }) => new Promise((resolve) => server.close(resolve)));
    await Promise.all([...this.#connections].map((connection) => connection.shutDown()));
    await Promise.all(closed);
  }

  sessions(): SessionRow[] {
    return [...this.#sessions].map((session) => row(session, this.#connectionsOf(session.nexus)));
  }

  /** The nexuses of an initiator's sessions. */
  nexuses(initiatorName: string): Nexus[] {
    return [...this.#sessions].map(({ nexus }) => nexus).filter((nexus) => nexus.initiatorName === initiatorName);
  }

  /**
   * To be called when what `server` shows to a nexus has changed: its initiator is told by unit
   * attention, and by an asynchronous message where it understands one. Resolved when its tasks on
   * units that it no longer sees have ended.
   */
  async inventoryChanged(nexus: Nexus): Promise<void> {
    const changed = this.#server.inventoryChanged?.(nexus);
    const connection = this.#connectionsOf(nexus).find(({ session }) => session?.takesMessages);
    if (connection?.session) announceLunsChanged(connection.session);
    await changed;
  }

  /** Ends the sessions of an initiator; resolved when their tasks hold nothing. */
  async drop(initiatorName: string): Promise<void> {
    const theirs = [...this.#connections].filter((c) => c.session?.nexus.initiatorName === initiatorName);
    await Promise.all(theirs.map((connection) => connection.close()));
  }

  /** The portals go down: every connection is cut, and nobody can connect until `resume`. */
  suspend(): void {
    this.#isSuspended = true;
    for (const { server } of this.#servers) if (server.listening) server.close();
    for (const { socket } of this.#connections) socket.resetAndDestroy();
  }

  /** Listens again where it did. @throws UserError where an address is taken by now: call it again */
  async resume(): Promise<void> {
    this.#isSuspended = false;
    for (const { server, portal } of this.#servers) if (!server.listening) await listenOn(server, portal);
  }

  /** Cuts the connection of a session, as a broken cable would. */
  reset(nexus: Nexus): void {
    for (const { socket } of this.#connectionsOf(nexus)) socket.resetAndDestroy();
  }

  hasDigest(nexus: Nexus): boolean {
    const writer = this.#connectionsOf(nexus)[0]?.writer;
    return writer !== undefined && (writer.headerDigest || writer.dataDigest);
  }

  /** Makes the next digest wrong that is sent in a session. */
  damageNextDigest(nexus: Nexus): void {
    const writer = this.#connectionsOf(nexus)[0]?.writer;
    if (writer !== undefined) writer.damageNext = true;
  }

  #connectionsOf(nexus: Nexus): Connection[] {
    return [...this.#connections].filter(({ session }) => session?.nexus === nexus);
  }

  #endAll(): void {
    for (const connection of this.#connections) if (connection.session) void connection.close();
  }

  #accept(socket: Socket): void {
    const waiting = [...this.#connections].filter(
      (c) => c.session === undefined && c.socket.remoteAddress === socket.remoteAddress,
    );
    const full = this.#connections.size >= this.#limits.connections || waiting.length >= this.#limits.loginsPerAddress;
    if (full || !this.#rate.admits(socket.remoteAddress ?? "?", performance.now())) {
      this.#options.logger?.info({ address: socket.remoteAddress }, "too many connections: one more was closed");
      socket.destroy();
      return;
    }
    this.#connections.add(
      new Connection(socket, {
        policy: this.#policy(),
        limits: this.#limits,
        logger: this.#options.logger,
        open: (connection, result) => this.#open(connection, result),
        onClose: (connection) => this.#forget(connection),
        onError: (error) => this.#bug(error),
      }),
    );
  }

  async #forget(connection: Connection): Promise<void> {
    this.#connections.delete(connection);
    const session = connection.session?.session;
    await session?.ended;
    if (session?.hasEnded && this.#sessions.forget(session)) this.emit("logout", row(session, [connection]));
  }

  #bug(error: unknown): void {
    this.#options.logger?.error({ err: error }, "bug");
    if (this.listenerCount("error") > 0) this.emit("error", error);
  }

  #policy(): LoginPolicy {
    return {
      targetName: this.name,
      portalGroupTag: this.port.portGroup,
      pduBytes: this.#limits.pduBytes,
      textBytes: this.#limits.textBytes,
      authorize: (name) => this.#access.authorize(name),
      credentials: (name, kind) => this.#access.credentials?.(name, kind),
      redirect: (name) => this.#access.redirect?.(name),
      isOpen: () => this.#isOpen,
      maxConnections: this.#limits.connectionsPerSession,
      join: (claim) => this.#sessions.join(claim),
      newTsih: () => this.#sessions.newTsih(),
      random: this.#options.random ?? randomBytes,
    };
  }

  async #open(connection: Connection, result: LoginResult): Promise<SessionConnection> {
    const { initiatorName, discovery, joined } = result;
    const session = joined ? this.#sessions.get(result.tsih) : await this.#begin(connection, result);
    if (session === undefined || session.hasEnded) throw new ProtocolError("session-ended", "its session has ended");
    // Connection reinstatement (RFC 7143 6.3.4). The old one goes when the new one is there: it may be all that the session has.
    const before = session.member(result.cid);
    const channel = new SessionConnection({
      session,
      cid: result.cid,
      parameters: result.parameters,
      statSn: result.statSn,
      writer: connection.writer,
      maxTextBytes: this.#limits.textBytes,
      sendTargets: (name) => this.#sendTargets(result, name),
      observer: this.#observer,
      coldReset: this.#access.mayColdReset?.(initiatorName) === false ? undefined : () => this.#endAll(),
      onEnd: (error) => connection.end(error),
    });
    await before?.close();
    if (!(discovery || this.#access.authorize(initiatorName))) void connection.close();
    if (!joined) queueMicrotask(() => this.emit("login", row(session, [connection])));
    return channel;
  }

  async #begin(connection: Connection, result: LoginResult): Promise<Session> {
    const { initiatorName, isid, discovery } = result;
    const initiatorPort = `${initiatorName},i,0x${isid.toString(16).padStart(12, "0")}`;
    if (!discovery) await this.#sessions.reinstate(initiatorPort, connection);
    const session = new Session({
      nexus: { id: String(result.tsih), initiatorPort, initiatorName, targetPort: this.port },
      parameters: result.parameters,
      discovery,
      isid,
      cmdSn: result.cmdSn,
      server: this.#server,
      maxTasks: this.#limits.tasksPerSession,
    });
    this.#sessions.add(session);
    return session;
  }

  /** RFC 7143 Appendix C: all targets are told of in discovery only. */
  #sendTargets({ initiatorName, discovery }: LoginResult, name: string): readonly Pair[] {
    if (name === "All" && !discovery) return [["SendTargets", REJECT]];
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

function deviceServerOf({ name, luns, server, logger }: TargetOptions): DeviceServer {
  if ((luns === undefined) === (server === undefined)) {
    throw new TypeError(`Target ${name} needs either luns or a device server; give one of the two.`);
  }
  const inventory = new FixedInventory(ownUnits(name, luns ?? {}));
  return server ?? new BlockDeviceServer({ inventory, ...(logger && { logger }) });
}
