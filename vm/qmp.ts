import { durationText } from "./duration.ts";
import { JsonChannel, type JsonObject } from "./json-channel.ts";
import { RUN_FILES } from "./run-directory.ts";
import { connectRunSocket } from "./run-socket.ts";
import { VmError } from "./vm-error.ts";

const DEFAULT_TIMEOUT_MS = 10_000;

/** An event that QEMU has sent, such as SHUTDOWN or DEVICE_DELETED. */
export interface QmpEvent {
  readonly name: string;
  readonly data: JsonObject;
}

/**
 * A connection to QEMU's machine protocol (QEMU docs/interop/qmp-spec.txt). QEMU has one client at a time:
 * connect, ask, close. One call at a time.
 */
export class QmpConnection {
  readonly #channel: JsonChannel;
  /** Events that came while answers were awaited, oldest first. */
  readonly #events: QmpEvent[] = [];
  #nextId = 1;

  private constructor(channel: JsonChannel) {
    this.#channel = channel;
  }

  /** Connects and leaves the negotiation mode. Throws HOST_NOT_RUNNING, or QMP_ERROR when another client does not let go. */
  static async connect(runDir: string, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<QmpConnection> {
    const deadlineMs = performance.now() + timeoutMs;
    const channel = new JsonChannel(await connectRunSocket(runDir, RUN_FILES.qmp, deadlineMs));
    try {
      const greeting = await channel.receive(deadlineMs);
      if (greeting === undefined || !("QMP" in greeting)) throw noGreeting(runDir);
      const connection = new QmpConnection(channel);
      await connection.execute("qmp_capabilities", {}, timeoutMs);
      return connection;
    } catch (error) {
      channel.close();
      throw error;
    }
  }

  /** Runs a command and returns its `return` value. Throws QMP_ERROR with QEMU's own description. */
  async execute(command: string, args: JsonObject = {}, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<unknown> {
    const id = this.#nextId++;
    const deadlineMs = performance.now() + timeoutMs;
    this.#channel.send({ execute: command, arguments: args, id });
    for (;;) {
      const message = await this.#channel.receive(deadlineMs);
      if (message === undefined)
        throw new VmError("QMP_ERROR", `QEMU did not answer '${command}' within ${durationText(timeoutMs)}.`);
      const event = eventOf(message);
      if (event !== undefined) this.#events.push(event);
      else if (message.id === id) return answerOf(command, message);
    }
  }

  /** The next event called `name`, also one that came earlier and was not asked for; undefined after `timeoutMs`. */
  async event(name: string, timeoutMs: number): Promise<QmpEvent | undefined> {
    const deadlineMs = performance.now() + timeoutMs;
    for (;;) {
      const index = this.#events.findIndex((event) => event.name === name);
      if (index >= 0) return this.#events.splice(index, 1)[0];
      const message = await this.#channel.receive(deadlineMs);
      if (message === undefined) return undefined;
      const event = eventOf(message);
      if (event !== undefined) this.#events.push(event);
    }
  }

  close(): void {
    this.#channel.close();
  }
}

/** Connects to the QMP socket of the host in `runDir`; see `QmpConnection`. */
export function connectQmp(runDir: string, timeoutMs?: number): Promise<QmpConnection> {
  return QmpConnection.connect(runDir, timeoutMs);
}

/** Runs one QMP command on a connection of its own. */
export async function qmpCommand(runDir: string, command: string, args: JsonObject = {}): Promise<unknown> {
  const connection = await QmpConnection.connect(runDir);
  try {
    return await connection.execute(command, args);
  } finally {
    connection.close();
  }
}

function eventOf(message: JsonObject): QmpEvent | undefined {
  if (typeof message.event !== "string") return undefined;
  return { name: message.event, data: (message.data ?? {}) as JsonObject };
}

function answerOf(command: string, message: JsonObject): unknown {
  if (!("error" in message)) return message.return;
  const { desc } = message.error as JsonObject;
  throw new VmError("QMP_ERROR", `QEMU refused '${command}': ${desc}`);
}

function noGreeting(runDir: string): VmError {
  return new VmError(
    "QMP_ERROR",
    `QEMU's control socket in ${runDir} is in use by another program: close that one and try again.`,
  );
}
