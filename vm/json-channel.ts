import type { Socket } from "node:net";
import { VmError } from "./vm-error.ts";

/** A JSON object as it came, unchecked. */
export type JsonObject = { readonly [key: string]: unknown };

/** Longer than any answer: the largest is a guest file's piece in base64. */
const MAX_MESSAGE_BYTES = 64 << 20;
/** The guest agent puts this byte, which is in no UTF-8 text, before the answer to `guest-sync-delimited`. */
const SENTINEL = 0xff;
const NEWLINE = 0x0a;

/** JSON objects over a socket, one a line: QMP and the guest agent's protocol (QEMU docs/interop/qmp-spec.txt). */
export class JsonChannel {
  readonly #socket: Socket;
  readonly #messages: JsonObject[] = [];
  #partial: Buffer[] = [];
  #partialBytes = 0;
  #wake: (() => void) | undefined;
  #ended: Error | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    // A QEMU that is killed ends the connection by an error (ECONNRESET, EPIPE): its process has ended all the same.
    socket.on("error", (error) => this.#end(connectionEnded(error)));
    socket.on("close", () => this.#end(connectionEnded()));
  }

  send(message: JsonObject, prefix: Uint8Array = new Uint8Array(0)): void {
    this.#socket.write(Buffer.concat([prefix, Buffer.from(`${JSON.stringify(message)}\n`)]));
  }

  /** The next message; undefined when `deadlineMs` (of `performance.now()`) comes first. Throws when the connection has ended. */
  async receive(deadlineMs: number): Promise<JsonObject | undefined> {
    for (;;) {
      const message = this.#messages.shift();
      if (message !== undefined) return message;
      if (this.#ended !== undefined) throw this.#ended;
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) return undefined;
      await this.#change(leftMs);
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Resolves when something was received, the connection ended, or the time is over. One caller at a time. */
  #change(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake?.(), limitMs);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
    });
  }

  #take(chunk: Buffer): void {
    let rest = chunk;
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
      this.#parse(Buffer.concat([...this.#partial, rest.subarray(0, end)]));
      this.#partial = [];
      this.#partialBytes = 0;
      rest = rest.subarray(end + 1);
    }
    this.#partial.push(rest);
    this.#partialBytes += rest.length;
    if (this.#partialBytes > MAX_MESSAGE_BYTES) {
      this.#end(
        new VmError(
          "GUEST_AGENT_ERROR",
          `A message of more than ${MAX_MESSAGE_BYTES} bytes came from QEMU or the guest.`,
        ),
      );
      this.#socket.destroy();
    }
    this.#wake?.();
  }

  #parse(line: Buffer): void {
    // What stands before the sentinel is the rest of an answer to somebody who has gone.
    const text = line.subarray(line.lastIndexOf(SENTINEL) + 1).toString("utf8");
    if (text.trim() === "") return;
    try {
      this.#messages.push(JSON.parse(text) as JsonObject);
    } catch {
      // The same rest, without a sentinel after it: it answers nobody here, and whoever waits has a deadline.
    }
  }

  #end(reason: Error): void {
    this.#ended ??= reason;
    this.#wake?.();
  }
}

function connectionEnded(cause?: Error): VmError {
  return new VmError("HOST_NOT_RUNNING", "QEMU has closed the connection: its process has ended.", { cause });
}
