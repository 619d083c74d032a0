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

const RETRY_MS = 250;
const OPEN_TIMEOUT_MS = 5000;

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
      this.#options.onOpen((message) => socket.send(JSON.stringify(message)));
    });
    socket.on("message", (data: Buffer, isBinary) => {
      this.#options.onMessage(isBinary ? decodeFrame(data) : (JSON.parse(data.toString()) as ToAgent));
    });
    socket.on("error", (error) => {
      this.#failed(`${endpoint.url}: ${error.message}`);
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
