/** The way to the controller: one WebSocket after another, as long as the agent lives. */
import { WebSocket } from "ws";
import { type DecodedFrame, decodeFrame } from "../mapping/frame.ts";
import type { ToAgent, ToController } from "../mapping/protocol.ts";

export interface ChannelOptions {
  /** Asked before every attempt, since the controller may have moved; undefined: not known now. */
  readonly endpoint: () => Promise<{ url: string; token: string } | undefined>;
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
    const socket = new WebSocket(url, { headers, handshakeTimeout: OPEN_TIMEOUT_MS });
    this.#socket = socket;
    socket.on("open", () => this.#options.onOpen((message) => socket.send(JSON.stringify(message))));
    socket.on("message", (data: Buffer, isBinary) => {
      this.#options.onMessage(isBinary ? decodeFrame(data) : (JSON.parse(data.toString()) as ToAgent));
    });
    socket.on("error", () => socket.terminate());
    socket.on("close", () => {
      this.#options.onClose();
      this.#retry();
    });
  }

  #retry(): void {
    if (!this.#closed) this.#timer = setTimeout(() => void this.#connect(), RETRY_MS);
  }
}
