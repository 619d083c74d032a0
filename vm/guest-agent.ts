import { randomInt } from "node:crypto";
import { durationText } from "./duration.ts";
import { JsonChannel, type JsonObject } from "./json-channel.ts";
import { RUN_FILES } from "./run-directory.ts";
import { connectRunSocket } from "./run-socket.ts";
import { VmError } from "./vm-error.ts";

/** The guest may be starting, and lose what it was sent: the synchronisation is repeated at this rate. */
const SYNC_INTERVAL_MS = 500;
/** Makes the agent drop whatever an earlier client left half sent (QEMU qga, guest-sync-delimited). */
const FLUSH = Uint8Array.of(0xff);

/**
 * A conversation with the guest's agent (QEMU docs/interop/qemu-ga-ref). There is one at a time: whoever else
 * connects waits until this one is closed, so hold it for short.
 */
export class GuestAgent {
  readonly #channel: JsonChannel;

  private constructor(channel: JsonChannel) {
    this.#channel = channel;
  }

  /**
   * Connects and waits until the agent answers. Throws HOST_NOT_RUNNING, or GUEST_TIMEOUT when it does not answer
   * within `timeoutMs`: the guest is starting or hangs, or another conversation goes on. `meanwhile` is asked again and
   * again while it waits, and may throw.
   */
  static async connect(
    runDir: string,
    timeoutMs: number,
    meanwhile: () => Promise<void> = () => Promise.resolve(),
  ): Promise<GuestAgent> {
    const deadlineMs = performance.now() + timeoutMs;
    const channel = new JsonChannel(await connectRunSocket(runDir, RUN_FILES.agent, deadlineMs));
    try {
      if (await synchronise(channel, deadlineMs, meanwhile)) return new GuestAgent(channel);
    } catch (error) {
      channel.close();
      throw error;
    }
    channel.close();
    throw new VmError(
      "GUEST_TIMEOUT",
      `The guest agent of the host in ${runDir} did not answer within ${durationText(timeoutMs)}.`,
    );
  }

  /**
   * Runs a command and returns its `return` value. Throws GUEST_AGENT_ERROR with the agent's own description,
   * GUEST_TIMEOUT, and HOST_NOT_RUNNING.
   *
   * One command at a time, always: qemu-ga drops its answer without a word while it has read, but not yet taken up,
   * anything of the next request (its GIOChannel tries to seek back on the port, which fails with ESPIPE).
   */
  async execute(command: string, args: JsonObject, timeoutMs: number): Promise<unknown> {
    const deadlineMs = performance.now() + timeoutMs;
    const id = newId();
    this.#channel.send({ execute: command, arguments: args, id });
    for (;;) {
      const message = await this.#channel.receive(deadlineMs);
      if (message === undefined) {
        throw new VmError(
          "GUEST_TIMEOUT",
          `The guest agent did not answer ${command} within ${durationText(timeoutMs)}.`,
        );
      }
      // Answers with other ids are to the synchronisation, or to an earlier client.
      if (message.id === id) return answerOf(command, message);
    }
  }

  /**
   * Has the guest power itself off or reboot, in the orderly way. The agent answers this by nothing when it succeeds,
   * but it takes commands in order: that it answers the ping behind it, or is gone, shows that it was heard.
   */
  async shutDown(mode: "powerdown" | "reboot", timeoutMs: number): Promise<void> {
    this.#channel.send({ execute: "guest-shutdown", arguments: { mode } });
    try {
      await this.execute("guest-ping", {}, timeoutMs);
    } catch (error) {
      if (!(error instanceof VmError && (error.code === "GUEST_TIMEOUT" || error.code === "HOST_NOT_RUNNING")))
        throw error;
    }
  }

  /** The beginning of a text file of the guest, up to 64 KiB. */
  async readFile(path: string, timeoutMs: number): Promise<string> {
    const handle = await this.execute("guest-file-open", { path, mode: "r" }, timeoutMs);
    const content = await this.execute("guest-file-read", { handle, count: 1 << 16 }, timeoutMs);
    await this.execute("guest-file-close", { handle }, timeoutMs);
    return Buffer.from((content as { "buf-b64": string })["buf-b64"], "base64").toString();
  }

  close(): void {
    this.#channel.close();
  }
}

/** Runs `conversation` on a connection of its own. */
export async function withGuestAgent<Result>(
  runDir: string,
  timeoutMs: number,
  conversation: (agent: GuestAgent) => Promise<Result>,
): Promise<Result> {
  const agent = await GuestAgent.connect(runDir, timeoutMs);
  try {
    return await conversation(agent);
  } finally {
    agent.close();
  }
}

async function synchronise(channel: JsonChannel, deadlineMs: number, meanwhile: () => Promise<void>): Promise<boolean> {
  const sent = new Set<unknown>();
  while (performance.now() < deadlineMs) {
    const id = newId();
    sent.add(id);
    channel.send({ execute: "guest-sync-delimited", arguments: { id } }, FLUSH);
    const untilMs = Math.min(deadlineMs, performance.now() + SYNC_INTERVAL_MS);
    for (
      let message = await channel.receive(untilMs);
      message !== undefined;
      message = await channel.receive(untilMs)
    ) {
      if (sent.has(message.return)) return true;
    }
    await meanwhile();
  }
  return false;
}

function answerOf(command: string, message: JsonObject): unknown {
  if (!("error" in message)) return message.return;
  const { desc } = message.error as JsonObject;
  throw new VmError("GUEST_AGENT_ERROR", `The guest agent refused ${command}: ${desc}`);
}

function newId(): number {
  return randomInt(1, 2 ** 31);
}
