import { setTimeout as delay } from "node:timers/promises";
import { durationText } from "./duration.ts";
import { type CommandStatus, GuestCommand, type OutputPiece, SharedAgent } from "./guest-command.ts";
import { VmError } from "./vm-error.ts";

export interface GuestExecOptions {
  /** The command's standard input, at most `MAX_INPUT_BYTES`; empty without it. */
  readonly input?: string | Uint8Array;
  /** For the command to end, waiting for the agent included; then it is killed with all it started. 60 s by default. */
  readonly timeoutMs?: number;
  /** Takes stdout as it comes; the result's `stdout` is empty then. */
  readonly onStdout?: (chunk: Buffer) => void;
  /** Takes stderr as it comes; the result's `stderr` is empty then. */
  readonly onStderr?: (chunk: Buffer) => void;
  /** Kills the command in the guest, and throws ABORTED. */
  readonly signal?: AbortSignal;
}

export interface GuestExecResult {
  /** As a shell reports it: 127 for a command that does not exist, 128 + n for one ended by signal n. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The agent reads its requests at about 1 MB/s where the guest runs in software. */
export const MAX_INPUT_BYTES = 8 << 20;
const DEFAULT_TIMEOUT_MS = 60_000;
/** Polls begin at the first interval, which doubles up to the last. */
const POLL_MS = { first: 4, last: 200 } as const;
/** Once polls are this far apart, the agent is let go between them, so that others get through. */
const RELEASE_FROM_MS = 128;

/**
 * Runs `argv` in the guest of `runDir`, as root, without a shell, and waits for its end.
 *
 * Output is read while the command runs. What is not read yet lies in the guest's memory, so a command that prints
 * more than fits gets ENOSPC on its writes. Any number of calls may run at once, in any processes.
 * Throws HOST_NOT_RUNNING, GUEST_TIMEOUT, GUEST_AGENT_ERROR, GUEST_INPUT_TOO_LARGE, ABORTED.
 */
export async function guestExec(
  runDir: string,
  argv: readonly string[],
  options: GuestExecOptions = {},
): Promise<GuestExecResult> {
  const input = inputOf(options);
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const limits = { argv, timeoutMs, deadlineMs: performance.now() + timeoutMs, signal: options.signal };
  const agent = new SharedAgent(runDir, timeoutMs);
  const output = new Output(options);
  try {
    const command = await GuestCommand.start(agent, argv, input);
    const status = await follow(command, agent, output, limits);
    return { exitCode: exitCodeOf(status), ...output.text() };
  } finally {
    agent.release();
  }
}

interface Limits {
  readonly argv: readonly string[];
  readonly timeoutMs: number;
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Takes the command's output until it ends. Kills it, and throws, when it must not go on. */
async function follow(
  command: GuestCommand,
  agent: SharedAgent,
  output: Output,
  limits: Limits,
): Promise<CommandStatus> {
  for (let pollMs: number = POLL_MS.first; ; ) {
    // The status before the output: when the command has ended, the output that is read then is complete.
    const status = await command.status();
    const piece = await command.read();
    output.take(piece);
    if (status.exited) return finish(command, piece, output, status);
    const stop = stopReason(limits);
    if (stop !== undefined) {
      await command.kill();
      await command.close();
      throw stop;
    }
    if (!piece.isLast) continue;
    if (piece.stdout.length + piece.stderr.length > 0) pollMs = POLL_MS.first;
    if (pollMs >= RELEASE_FROM_MS) agent.release();
    await delay(pollMs);
    pollMs = Math.min(pollMs * 2, POLL_MS.last);
  }
}

/** Takes the output that is left of a command that has ended. */
async function finish(
  command: GuestCommand,
  piece: OutputPiece,
  output: Output,
  status: CommandStatus,
): Promise<CommandStatus> {
  for (let last = piece; !last.isLast; ) {
    last = await command.read();
    output.take(last);
  }
  await command.close();
  return status;
}

function inputOf({ input }: GuestExecOptions): Buffer {
  const bytes = Buffer.from(input ?? "");
  if (bytes.length <= MAX_INPUT_BYTES) return bytes;
  throw new VmError(
    "GUEST_INPUT_TOO_LARGE",
    `The input of a guest's command is ${bytes.length} bytes, and at most ${MAX_INPUT_BYTES} can be passed.`,
  );
}

function stopReason({ argv, timeoutMs, deadlineMs, signal }: Limits): VmError | undefined {
  const command = argv.join(" ");
  if (signal?.aborted === true) return new VmError("ABORTED", `'${command}' was stopped in the guest.`);
  if (performance.now() < deadlineMs) return undefined;
  return new VmError(
    "GUEST_TIMEOUT",
    `'${command}' did not end within ${durationText(timeoutMs)} in the guest, and was killed.`,
  );
}

function exitCodeOf(status: CommandStatus): number {
  return status.signal === undefined ? (status.exitcode ?? 0) : 128 + status.signal;
}

/** Hands output on to whoever takes it as it comes, and collects what nobody takes. */
class Output {
  readonly #options: GuestExecOptions;
  readonly #stdout: Buffer[] = [];
  readonly #stderr: Buffer[] = [];

  constructor(options: GuestExecOptions) {
    this.#options = options;
  }

  take({ stdout, stderr }: OutputPiece): void {
    if (stdout.length > 0) (this.#options.onStdout ?? ((chunk) => this.#stdout.push(chunk)))(stdout);
    if (stderr.length > 0) (this.#options.onStderr ?? ((chunk) => this.#stderr.push(chunk)))(stderr);
  }

  text(): { stdout: string; stderr: string } {
    return { stdout: Buffer.concat(this.#stdout).toString(), stderr: Buffer.concat(this.#stderr).toString() };
  }
}
