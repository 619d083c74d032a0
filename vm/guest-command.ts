import { randomUUID } from "node:crypto";
import { GuestAgent } from "./guest-agent.ts";
import type { JsonObject } from "./json-channel.ts";

/** One round trip with an agent that answers; a guest in software on a busy machine may stall for seconds. */
const ANSWER_TIMEOUT_MS = 30_000;
/** Bytes of output asked for at once. */
const READ_BYTES = 1 << 20;

/**
 * Runs a program with its output appended to two files, which the caller has open already; their names go at once, so
 * nothing is left when both ends are closed. Any Linux guest has what this needs.
 */
const CAPTURE = `exec >>"$1" 2>>"$2"
rm -f "$1" "$2"
shift 2
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=linux LANG=C.UTF-8
cd /root
exec setsid "$@"`;
/** In memory. */
const CAPTURE_DIRECTORY = "/run";

/** What the agent says of a command (guest-exec-status). */
export interface CommandStatus {
  readonly exited: boolean;
  readonly exitcode?: number;
  readonly signal?: number;
}

/** A piece of a command's output; `isLast` when there is no more for now. */
export interface OutputPiece {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly isLast: boolean;
}

/**
 * A command that was started in a guest, its output captured in two files of the guest's memory that have no names
 * any more. Its calls go to the agent one after the other; between them the agent may be let go (`SharedAgent`).
 */
export class GuestCommand {
  readonly #agent: SharedAgent;
  readonly #pid: number;
  readonly #stdoutHandle: number;
  readonly #stderrHandle: number;

  private constructor(agent: SharedAgent, pid: number, stdoutHandle: number, stderrHandle: number) {
    this.#agent = agent;
    this.#pid = pid;
    this.#stdoutHandle = stdoutHandle;
    this.#stderrHandle = stderrHandle;
  }

  static async start(agent: SharedAgent, argv: readonly string[], input: Buffer): Promise<GuestCommand> {
    const file = `${CAPTURE_DIRECTORY}/sanlab-exec-${randomUUID()}`;
    // The agent opens the files before the command does, and so keeps them when the command's side unlinks them.
    const stdoutHandle = await agent.execute("guest-file-open", { path: `${file}.out`, mode: "w+" });
    const stderrHandle = await agent.execute("guest-file-open", { path: `${file}.err`, mode: "w+" });
    const started = await agent.execute("guest-exec", {
      path: "/bin/sh",
      arg: ["-c", CAPTURE, "capture", `${file}.out`, `${file}.err`, ...argv],
      ...(input.length > 0 ? { "input-data": input.toString("base64") } : {}),
    });
    const { pid } = started as { pid: number };
    return new GuestCommand(agent, pid, stdoutHandle as number, stderrHandle as number);
  }

  /** Not to be asked again once it has said `exited`: the agent forgets the command with that. */
  async status(): Promise<CommandStatus> {
    return (await this.#agent.execute("guest-exec-status", { pid: this.#pid })) as CommandStatus;
  }

  /** The next output; all that is left when the command has ended and pieces are read up to the last. */
  async read(): Promise<OutputPiece> {
    const stdout = await this.#readFile(this.#stdoutHandle);
    const stderr = await this.#readFile(this.#stderrHandle);
    return { stdout, stderr, isLast: stdout.length < READ_BYTES && stderr.length < READ_BYTES };
  }

  /** Kills the command and its children: they have a session of their own. */
  async kill(): Promise<void> {
    const arg = ["-c", 'kill -s KILL -- "-$1"', "kill", String(this.#pid)];
    await this.#agent.execute("guest-exec", { path: "/bin/sh", arg });
  }

  /** Frees the output in the guest. */
  async close(): Promise<void> {
    await this.#agent.execute("guest-file-close", { handle: this.#stdoutHandle });
    await this.#agent.execute("guest-file-close", { handle: this.#stderrHandle });
  }

  async #readFile(handle: number): Promise<Buffer> {
    const content = await this.#agent.execute("guest-file-read", { handle, count: READ_BYTES });
    return Buffer.from((content as { "buf-b64": string })["buf-b64"], "base64");
  }
}

/** A conversation with the agent that is connected when it is needed and may be let go in between. */
export class SharedAgent {
  readonly #runDir: string;
  #connectTimeoutMs: number;
  #agent: GuestAgent | undefined;

  constructor(runDir: string, timeoutMs: number) {
    this.#runDir = runDir;
    this.#connectTimeoutMs = timeoutMs;
  }

  async execute(command: string, args: JsonObject): Promise<unknown> {
    this.#agent ??= await GuestAgent.connect(this.#runDir, this.#connectTimeoutMs);
    // Later connections are to an agent that was there before; a command that has to be killed needs one even when
    // its time is over.
    this.#connectTimeoutMs = ANSWER_TIMEOUT_MS;
    return this.#agent.execute(command, args, ANSWER_TIMEOUT_MS);
  }

  release(): void {
    this.#agent?.close();
    this.#agent = undefined;
  }
}
