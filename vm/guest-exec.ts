import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { GuestAgent } from "./guest-agent.ts";
import type { JsonObject } from "./json-channel.ts";
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

/** The request is one JSON line, which the agent parses in the guest's memory. */
export const MAX_INPUT_BYTES = 8 << 20;
const DEFAULT_TIMEOUT_MS = 60_000;
/** One round trip with an agent that answers; a guest in software on a busy machine may stall for seconds. */
const ANSWER_TIMEOUT_MS = 30_000;
/** Bytes of output asked for at once. */
const READ_BYTES = 1 << 20;
/** Polls begin at the first interval, which doubles up to the last. */
const POLL_MS = { first: 4, last: 200 } as const;
/** Once polls are this far apart, the channel is let go between them, so that others get through. */
const RELEASE_FROM_MS = 128;

/** Of `guest/capture`, which see. */
const CAPTURE = "/usr/lib/sanlab/capture";
const CAPTURE_DIRECTORY = "/run/sanlab/exec";

/**
 * Runs `argv` in the guest of `runDir`, as root, without a shell, and waits for its end.
 *
 * Output is read while the command runs. What is not read yet lies in the guest's memory, so a command that prints
 * much more than it can hold gets ENOSPC on its writes. Any number of calls may run at once, in any processes.
 * Throws HOST_NOT_RUNNING, GUEST_TIMEOUT, GUEST_AGENT_ERROR, GUEST_INPUT_TOO_LARGE, ABORTED.
 */
export async function guestExec(
  runDir: string,
  argv: readonly string[],
  options: GuestExecOptions = {},
): Promise<GuestExecResult> {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const deadlineMs = performance.now() + timeoutMs;
  const agent = new SharedAgent(runDir, timeoutMs);
  const streams = new Streams(options);
  try {
    const command = await startCommand(agent, argv, options.input);
    return await followCommand(agent, command, streams, { argv, deadlineMs, options });
  } finally {
    agent.release();
  }
}

interface RunningCommand {
  readonly pid: number;
  readonly stdoutHandle: number;
  readonly stderrHandle: number;
}

async function startCommand(
  agent: SharedAgent,
  argv: readonly string[],
  input: string | Uint8Array | undefined,
): Promise<RunningCommand> {
  const inputBytes = Buffer.from(input ?? "");
  if (inputBytes.length > MAX_INPUT_BYTES) {
    throw new VmError(
      "GUEST_INPUT_TOO_LARGE",
      `The input of a guest's command is ${inputBytes.length} bytes, and at most ${MAX_INPUT_BYTES} can be passed.`,
    );
  }
  const file = `${CAPTURE_DIRECTORY}/${randomUUID()}`;
  const [stdoutHandle, stderrHandle, started] = await agent.executeAll([
    // The agent opens the files before the command does, and so keeps them when the command's side unlinks them.
    { command: "guest-file-open", args: { path: `${file}.out`, mode: "w+" } },
    { command: "guest-file-open", args: { path: `${file}.err`, mode: "w+" } },
    {
      command: "guest-exec",
      args: {
        path: CAPTURE,
        arg: [`${file}.out`, `${file}.err`, ...argv],
        ...(inputBytes.length > 0 ? { "input-data": inputBytes.toString("base64") } : {}),
      },
    },
  ]);
  return {
    pid: (started as { pid: number }).pid,
    stdoutHandle: stdoutHandle as number,
    stderrHandle: stderrHandle as number,
  };
}

interface Following {
  readonly argv: readonly string[];
  readonly deadlineMs: number;
  readonly options: GuestExecOptions;
}

async function followCommand(
  agent: SharedAgent,
  command: RunningCommand,
  streams: Streams,
  following: Following,
): Promise<GuestExecResult> {
  let pollMs: number = POLL_MS.first;
  for (;;) {
    const { status, isDrained, receivedBytes } = await pollCommand(agent, command, streams);
    if (status.exited) {
      if (!isDrained) await drain(agent, command, streams);
      await closeFiles(agent, command);
      return { exitCode: exitCodeOf(status), ...streams.text() };
    }
    const stop = stopReason(following);
    if (stop !== undefined) {
      await killCommand(agent, command);
      throw stop;
    }
    if (receivedBytes > 0) pollMs = POLL_MS.first;
    if (!isDrained) continue;
    if (pollMs >= RELEASE_FROM_MS) agent.release();
    await delay(pollMs);
    pollMs = Math.min(pollMs * 2, POLL_MS.last);
  }
}

interface CommandStatus {
  readonly exited: boolean;
  readonly exitcode?: number;
  readonly signal?: number;
}

async function pollCommand(agent: SharedAgent, command: RunningCommand, streams: Streams) {
  // The status first: when it says that the command has ended, the reads behind it see the output's end.
  const [status, ...contents] = await agent.executeAll([
    { command: "guest-exec-status", args: { pid: command.pid } },
    ...readsOf(command),
  ]);
  return { status: status as CommandStatus, ...streams.take(contents) };
}

/** Reads what is left of the output. The agent forgets a command once it has told its end, so it is not asked again. */
async function drain(agent: SharedAgent, command: RunningCommand, streams: Streams): Promise<void> {
  while (!streams.take(await agent.executeAll(readsOf(command))).isDrained);
}

function readsOf({ stdoutHandle, stderrHandle }: RunningCommand) {
  const handles = [stdoutHandle, stderrHandle];
  return handles.map((handle) => ({ command: "guest-file-read", args: { handle, count: READ_BYTES } }));
}

function exitCodeOf(status: CommandStatus): number {
  return status.signal === undefined ? (status.exitcode ?? 0) : 128 + status.signal;
}

function stopReason({ argv, deadlineMs, options }: Following): VmError | undefined {
  if (options.signal?.aborted === true) return new VmError("ABORTED", `'${argv.join(" ")}' was stopped in the guest.`);
  if (performance.now() < deadlineMs) return undefined;
  return new VmError(
    "GUEST_TIMEOUT",
    `'${argv.join(" ")}' did not end within ${options.timeoutMs ?? DEFAULT_TIMEOUT_MS} ms in the guest, and was killed.`,
  );
}

/** Kills the command's session (`guest/capture` gives it one of its own) and lets go of its files. */
async function killCommand(agent: SharedAgent, command: RunningCommand): Promise<void> {
  await agent.executeAll([
    { command: "guest-exec", args: { path: "/usr/bin/busybox", arg: ["kill", "-KILL", "--", `-${command.pid}`] } },
  ]);
  await closeFiles(agent, command);
}

async function closeFiles(agent: SharedAgent, { stdoutHandle, stderrHandle }: RunningCommand): Promise<void> {
  const handles = [stdoutHandle, stderrHandle];
  await agent.executeAll(handles.map((handle) => ({ command: "guest-file-close", args: { handle } })));
}

/** The agent's answer to guest-file-read. */
interface FileContent {
  readonly "buf-b64": string;
}

/** Collects what nobody takes as it comes. */
class Streams {
  readonly #options: GuestExecOptions;
  readonly #stdout: Buffer[] = [];
  readonly #stderr: Buffer[] = [];

  constructor(options: GuestExecOptions) {
    this.#options = options;
  }

  /** Takes the answers to `readsOf`. Drained when the end of both files was reached. */
  take(answers: readonly unknown[]): { isDrained: boolean; receivedBytes: number } {
    const [stdout, stderr] = answers.map((answer) => Buffer.from((answer as FileContent)["buf-b64"], "base64"));
    if (stdout === undefined || stderr === undefined)
      throw new Error("the guest agent's answers to two reads are missing");
    if (stdout.length > 0) (this.#options.onStdout ?? ((chunk) => this.#stdout.push(chunk)))(stdout);
    if (stderr.length > 0) (this.#options.onStderr ?? ((chunk) => this.#stderr.push(chunk)))(stderr);
    return {
      isDrained: stdout.length < READ_BYTES && stderr.length < READ_BYTES,
      receivedBytes: stdout.length + stderr.length,
    };
  }

  text(): { stdout: string; stderr: string } {
    return { stdout: Buffer.concat(this.#stdout).toString(), stderr: Buffer.concat(this.#stderr).toString() };
  }
}

/** A conversation with the agent that is connected when it is needed and may be let go in between. */
class SharedAgent {
  readonly #runDir: string;
  #connectTimeoutMs: number;
  #agent: GuestAgent | undefined;

  constructor(runDir: string, timeoutMs: number) {
    this.#runDir = runDir;
    this.#connectTimeoutMs = timeoutMs;
  }

  async executeAll(commands: readonly { command: string; args: JsonObject }[]): Promise<unknown[]> {
    this.#agent ??= await GuestAgent.connect(this.#runDir, this.#connectTimeoutMs);
    // Later connections are to an agent that was there before; a command that has to be killed needs one even when its time is over.
    this.#connectTimeoutMs = ANSWER_TIMEOUT_MS;
    return this.#agent.executeAll(commands, ANSWER_TIMEOUT_MS);
  }

  release(): void {
    this.#agent?.close();
    this.#agent = undefined;
  }
}
