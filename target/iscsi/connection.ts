/**
 * One TCP connection: login, then a session, until either side ends it. Under
 * ErrorRecoveryLevel 0 whatever breaks the protocol ends the connection (RFC 7143 7.1.4.3).
 */
import type { Socket } from "node:net";
import { announceDrop, requestLogout } from "./async-message.ts";
import { BUSY_POLL } from "./busy-poll.ts";
import { watchPulse } from "./keepalive.ts";
import { login } from "./login.ts";
import { type LoginPolicy, LoginRefused, type LoginResult } from "./login-policy.ts";
import { ping } from "./nop.ts";
import { ProtocolError } from "./protocol-error.ts";
import { kept, type Pdu, PduReader } from "./reader.ts";
import { receiving } from "./receiving.ts";
import type { SessionConnection } from "./session-connection.ts";
import type { TargetLimits, TargetLogger } from "./target-options.ts";
import { setTcpUserTimeout, spareLocalPacing } from "./tcp-options.ts";
import { PduWriter } from "./writer.ts";

/** Bytes that may wait for a peer that does not read, before we stop listening to it. */
const MAX_UNSENT_BYTES = 8 * 1024 * 1024;
const TCP_KEEPALIVE_MS = 10_000;
/** What a login PDU may carry: what we have declared holds once the login is over (RFC 7143 13.12). */
const MAX_LOGIN_DATA_BYTES = 8192;

export interface ConnectionOptions {
  readonly policy: LoginPolicy;
  readonly limits: TargetLimits;
  readonly logger: TargetLogger | undefined;
  /** Makes the session, once older ones of the same nexus have ended. */
  readonly open: (connection: Connection, result: LoginResult) => Promise<SessionConnection>;
  readonly onClose: (connection: Connection) => void | Promise<void>;
  readonly onError: (error: unknown, connection: Connection) => void;
}

export class Connection {
  readonly socket: Socket;
  readonly address: string;
  readonly writer: PduWriter;
  readonly reader: PduReader;
  readonly #options: ConnectionOptions;
  #opening: Promise<SessionConnection> | undefined;
  #session: SessionConnection | undefined;
  #waiting: ((pdu: Pdu) => void) | undefined;
  #fail: ((error: Error) => void) | undefined;
  #closed: Promise<void> | undefined;
  #endWatch: (() => void) | undefined;
  bytesIn = 0;

  /** @param accepted paused since it was accepted */
  constructor(accepted: Socket, options: ConnectionOptions) {
    const socket = receiving(accepted, (chunk) => this.#receive(chunk));
    this.socket = socket;
    this.address = `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? 0}`;
    this.#options = options;
    this.writer = new PduWriter(socket);
    this.reader = new PduReader(Math.min(MAX_LOGIN_DATA_BYTES, options.limits.pduBytes));
    socket.setNoDelay(true);
    socket.setKeepAlive(true, TCP_KEEPALIVE_MS);
    setTcpUserTimeout(socket, options.limits.deadPeerTimeMs);
    spareLocalPacing(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => void this.close());
    socket.on("drain", () => this.#resume());
    socket.resume();
    void this.#login();
  }

  get session(): SessionConnection | undefined {
    return this.#session;
  }

  get isClosing(): boolean {
    return this.#closed !== undefined;
  }

  /** Asks for a logout and gives it some time, where it is known to understand (RFC 7143 11.9.1); then ends the connection like `close`. */
  async shutDown(): Promise<void> {
    const { logoutTimeMs } = this.#options.limits;
    const session = this.#session;
    if (session?.takesMessages && !this.isClosing && logoutTimeMs > 0) {
      requestLogout(session, Math.min(0xffff, Math.ceil(logoutTimeMs / 1000)));
      if (!(await this.#closesWithin(logoutTimeMs))) announceDrop(session, session.cid);
    }
    return this.close();
  }

  /** Ends the connection and its session; resolved when no task of it holds anything. */
  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  #closesWithin(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const bound = setTimeout(() => resolve(false), ms);
      this.socket.once("close", () => {
        clearTimeout(bound);
        resolve(true);
      });
    });
  }

  /** Like `close`, for the reason given: a bug, or what the peer did wrong. */
  end(reason?: unknown): Promise<void> {
    if (reason !== undefined) this.#failed(reason);
    return this.close();
  }

  async #end(): Promise<void> {
    this.#fail?.(new ProtocolError("closed", "the connection ended during login"));
    this.#endWatch?.();
    this.#endSocket();
    try {
      // One that waits for an older session of its nexus becomes one first, and then ends: whoever comes after it must wait for that.
      await this.#opening?.then(
        (session) => session.end(),
        // Whoever waits for it to open has said why it did not.
        () => undefined,
      );
    } catch (bug) {
      this.#options.onError(bug, this);
    }
    await this.#options.onClose(this);
  }

  /** What was sent still leaves, for as long as the peer takes it. */
  #endSocket(): void {
    this.writer.flush();
    this.socket.destroySoon();
    const bound = setTimeout(() => this.socket.destroy(), this.#options.limits.closeTimeMs);
    this.socket.once("close", () => clearTimeout(bound));
    if (this.socket.closed) clearTimeout(bound);
  }

  async #login(): Promise<void> {
    const { policy, limits, open } = this.#options;
    const timer = setTimeout(() => void this.close(), limits.loginTimeMs);
    try {
      const channel = { receive: () => this.#next(), send: (h: Buffer, d?: Uint8Array) => this.writer.send(h, d) };
      const result = await login(channel, policy);
      this.#agreedFromNowOn(result);
      this.#opening = open(this, result);
      this.#session = await this.#opening;
      if (this.isClosing) return;
      this.#watch(this.#session);
      this.#receive(Buffer.alloc(0));
      this.#resume();
    } catch (error) {
      this.#failed(error);
    } finally {
      clearTimeout(timer);
    }
  }

  #watch(session: SessionConnection): void {
    const pulse = {
      heard: () => this.bytesIn,
      // What we do not read we cannot hear.
      mayPing: () => session.pingsUs && !this.socket.isPaused(),
      ping: () => ping(session),
      dead: () => this.#failed(new ProtocolError("silent", "it answered no ping")),
    };
    this.#endWatch = watchPulse(pulse, this.#options.limits);
  }

  #failed(error: unknown): void {
    const { logger, onError } = this.#options;
    const initiator = this.#session?.nexus.initiatorName;
    if (error instanceof LoginRefused) {
      logger?.info({ address: this.address, status: error.status, reason: error.message }, "login refused");
    } else if (!(error instanceof ProtocolError)) {
      onError(error, this);
    } else if (!this.isClosing) {
      logger?.info({ address: this.address, initiator, code: error.code, reason: error.message }, "connection ended");
    }
    void this.close();
  }

  /** Digests apply from the first PDU after the final login response (RFC 7143 13.1), which must leave without. */
  #agreedFromNowOn({ parameters }: LoginResult): void {
    this.writer.flush();
    this.writer.headerDigest = parameters.headerDigest;
    this.writer.dataDigest = parameters.dataDigest;
    this.reader.maxDataBytes = this.#options.limits.pduBytes;
    this.reader.headerDigest = parameters.headerDigest;
    this.reader.dataDigest = parameters.dataDigest;
  }

  #next(): Promise<Pdu> {
    return new Promise((resolve, reject) => {
      if (this.isClosing) return reject(new ProtocolError("closed", "the connection ended during login"));
      this.#fail = reject;
      this.#waiting = (pdu) => {
        this.#waiting = undefined;
        this.#fail = undefined;
        resolve(pdu);
      };
      this.#receive(Buffer.alloc(0));
      this.#resume();
    });
  }

  #receive(chunk: Buffer): void {
    BUSY_POLL.heard();
    this.bytesIn += chunk.length;
    if (chunk.length > 0) this.reader.push(chunk);
    this.writer.hold();
    try {
      while (!this.isClosing && (this.#session !== undefined || this.#waiting !== undefined)) {
        const pdu = this.reader.next();
        if (pdu === undefined) break;
        if (this.#session === undefined) this.#waiting?.(kept(pdu));
        else this.#session.receive(pdu);
      }
    } catch (error) {
      this.#failed(error);
    }
    this.writer.flush();
    BUSY_POLL.served();
    // Whoever floods us and does not read, or talks while its login waits for an older session to end, is not listened to until it is its turn.
    if (this.socket.writableLength > MAX_UNSENT_BYTES || !this.#listens) this.socket.pause();
  }

  get #listens(): boolean {
    return this.#session !== undefined || this.#waiting !== undefined || this.isClosing;
  }

  #resume(): void {
    if (this.socket.isPaused() && this.#listens) this.socket.resume();
  }
}
