/**
 * One TCP connection: login, then a session, until either side ends it. Under
 * ErrorRecoveryLevel 0 whatever breaks the protocol ends the connection (RFC 7143 7.1.4.3).
 */
import type { Socket } from "node:net";
import { MAX_RECEIVE_BYTES } from "./keys.ts";
import { type LoginPolicy, LoginRefused, type LoginResult, login } from "./login.ts";
import { ProtocolError } from "./protocol-error.ts";
import { type Pdu, PduReader } from "./reader.ts";
import type { Session } from "./session.ts";
import { PduWriter } from "./writer.ts";

/** Bytes that may wait for a peer that does not read, before we stop listening to it. */
const MAX_UNSENT_BYTES = 8 * 1024 * 1024;

export interface ConnectionOptions {
  readonly policy: LoginPolicy;
  readonly loginTimeMs: number;
  /** Makes the session, once older ones of the same nexus have ended. */
  readonly open: (connection: Connection, result: LoginResult) => Promise<Session>;
  readonly onClose: (connection: Connection) => void;
  readonly onError: (error: unknown, connection: Connection) => void;
}

export class Connection {
  readonly socket: Socket;
  readonly writer: PduWriter;
  readonly reader = new PduReader(MAX_RECEIVE_BYTES);
  readonly #options: ConnectionOptions;
  #session: Session | undefined;
  #waiting: ((pdu: Pdu) => void) | undefined;
  #fail: ((error: Error) => void) | undefined;
  #closed: Promise<void> | undefined;
  bytesIn = 0;

  constructor(socket: Socket, options: ConnectionOptions) {
    this.socket = socket;
    this.#options = options;
    this.writer = new PduWriter(socket);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 10_000);
    socket.on("data", (chunk: Buffer | string) => this.#receive(chunk as Buffer));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => void this.close());
    socket.on("drain", () => this.#resume());
    void this.#login();
  }

  get session(): Session | undefined {
    return this.#session;
  }

  /** Ends the connection and its session; resolved when no task of it holds anything. */
  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  async #end(): Promise<void> {
    this.#fail?.(new ProtocolError("closed", "the connection ended during login"));
    this.writer.flush();
    this.socket.end();
    this.socket.destroySoon();
    await this.#session?.end();
    this.#options.onClose(this);
  }

  async #login(): Promise<void> {
    const timer = setTimeout(() => void this.close(), this.#options.loginTimeMs);
    try {
      const channel = { receive: () => this.#next(), send: (h: Buffer, d?: Uint8Array) => this.writer.send(h, d) };
      const result = await login(channel, this.#options.policy);
      this.#digestsFromNowOn(result);
      this.#session = await this.#options.open(this, result);
      if (this.#closed) await this.#session.end();
      this.#receive(Buffer.alloc(0));
    } catch (error) {
      if (!(error instanceof LoginRefused || error instanceof ProtocolError)) this.#options.onError(error, this);
      await this.close();
    } finally {
      clearTimeout(timer);
    }
  }

  /** Digests apply from the first PDU after the final login response (RFC 7143 13.1), which must leave without. */
  #digestsFromNowOn({ parameters }: LoginResult): void {
    this.writer.flush();
    this.writer.headerDigest = parameters.headerDigest;
    this.writer.dataDigest = parameters.dataDigest;
    this.reader.headerDigest = parameters.headerDigest;
    this.reader.dataDigest = parameters.dataDigest;
  }

  #next(): Promise<Pdu> {
    return new Promise((resolve, reject) => {
      this.#fail = reject;
      this.#waiting = (pdu) => {
        this.#waiting = undefined;
        this.#fail = undefined;
        resolve(pdu);
      };
      this.#receive(Buffer.alloc(0));
    });
  }

  #receive(chunk: Buffer): void {
    this.bytesIn += chunk.length;
    if (chunk.length > 0) this.reader.push(chunk);
    this.writer.hold();
    try {
      while (this.#session !== undefined || this.#waiting !== undefined) {
        const pdu = this.reader.next();
        if (pdu === undefined) break;
        if (this.#session === undefined) this.#waiting?.(pdu);
        else this.#session.receive(pdu);
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) this.#options.onError(error, this);
      void this.close();
    }
    this.writer.flush();
    // A stranger that floods us before it has logged in is not listened to any more until it is its turn.
    if (this.socket.writableLength > MAX_UNSENT_BYTES) this.socket.pause();
  }

  #resume(): void {
    if (this.socket.isPaused()) this.socket.resume();
  }
}
