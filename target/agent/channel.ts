/** The way to the controller: one WebSocket after another, as long as the agent lives. */
import { WebSocket } from "ws";
import { type DecodedFrame, decodeFrame } from "../mapping/frame.ts";
import type { ToAgent, ToController } from "../mapping/protocol.ts";
import type { Endpoint } from "./controller-address.ts";

export interface ChannelOptions {
  /** Asked before every attempt, since the controller may have moved; undefined: not known now. */
  readonly endpoint: () => Promise<Endpoint | undefined>;
  /** Why an attempt failed; said again only when it is another reason. */
  readonly onFailure?: (reason: string) => void;
  readonly onOpen: (send: (message: ToController) => void) => void;
  readonly onMessage: (message: ToAgent | DecodedFrame) => void;
  readonly onClose: () => void;
}

/** A controller that has not answered so many pings, so far apart, is looked for anew: a cut cable ends no connection. */
const PING_EVERY_MS = 5000;
const PINGS_UNANSWERED = 3;
const RETRY_MS = 250;
const OPEN_TIMEOUT_MS = 5000;
const NOT_LET_IN =
  "the token is not let in: the agent was removed from the lab, or is another lab's; add it there, and give it the new token";

export class Channel {
  readonly #options: ChannelOptions;
  #socket: WebSocket | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #failure = "";

  constructor(options: ChannelOptions) {
    this.#options = options;
    void this.#connect();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
  }

  async #connect(): Promise<void> {
    const endpoint = await this.#options.endpoint();
    if (this.#closed) return;
    if (endpoint === undefined) return this.#retry();
    const url = `${endpoint.url.replace(/^http/, "ws")}/v1/agent`;
    const headers = { authorization: `Bearer ${endpoint.token}` };
    const trust = endpoint.ca === undefined ? {} : { ca: endpoint.ca };
    const socket = new WebSocket(url, { headers, handshakeTimeout: OPEN_TIMEOUT_MS, ...trust });
    this.#socket = socket;
    socket.on("open", () => {
      this.#failure = "";
      endWhenSilent(socket);
      this.#options.onOpen((message) => socket.send(JSON.stringify(message)));
    });
    socket.on("message", (data: Buffer, isBinary) => {
      this.#options.onMessage(isBinary ? decodeFrame(data) : (JSON.parse(data.toString()) as ToAgent));
    });
    socket.on("unexpected-response", (_request, { statusCode }) => {
      this.#failed(`${endpoint.url}: ${statusCode === 401 ? NOT_LET_IN : `an answer of status ${statusCode}`}`);
      socket.terminate();
    });
    socket.on("error", (error) => {
      if (socket.readyState !== socket.CLOSING) this.#failed(`${endpoint.url}: ${error.message}`);
      socket.terminate();
    });
    socket.on("close", () => {
      this.#options.onClose();
      this.#retry();
    });
  }

  #failed(reason: string): void {
    if (reason !== this.#failure) this.#options.onFailure?.(reason);
    this.#failure = reason;
  }

  #retry(): void {
    if (!this.#closed) this.#timer = setTimeout(() => void this.#connect(), RETRY_MS);
  }
}

function endWhenSilent(socket: WebSocket): void {
  let unanswered = 0;
  const timer = setInterval(() => {
    if (unanswered === PINGS_UNANSWERED) return socket.terminate();
    unanswered += 1;
    socket.ping();
  }, PING_EVERY_MS);
  socket.on("pong", () => {
    unanswered = 0;
  });
  socket.on("close", () => clearInterval(timer));
}
