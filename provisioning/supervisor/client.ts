import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { SUPERVISOR } from "../entry-points.ts";
import { errorCode } from "../errors.ts";
import { logFile, STATE_FILES } from "../state/layout.ts";
import { assertSpace } from "../state/space.ts";
import { UserError } from "../user-error.ts";
import { compileDaemons } from "./compiled.ts";
import type { DaemonStatus } from "./supervisor.ts";

const START_TIMEOUT_MS = 20_000;
/** An answer to anything but stopping, which waits for daemons to end. */
const ANSWER_TIMEOUT_MS = 30_000;

export interface SupervisorStatus {
  readonly pid: number;
  readonly daemons: readonly DaemonStatus[];
}

/** The supervisor of a state directory, through its socket. */
export class SupervisorClient {
  readonly #state: string;

  constructor(state: string) {
    this.#state = state;
  }

  /** Undefined where no supervisor runs. */
  async status(timeoutMs = ANSWER_TIMEOUT_MS): Promise<SupervisorStatus | undefined> {
    return (await this.#ask("GET", "/daemons", undefined, timeoutMs)) as SupervisorStatus | undefined;
  }

  async put(name: string, args: readonly string[]): Promise<void> {
    this.#mustRun(await this.#ask("PUT", `/daemons/${name}`, { args }));
  }

  async remove(name: string): Promise<void> {
    this.#mustRun(await this.#ask("DELETE", `/daemons/${name}`));
  }

  async signal(name: string, signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): Promise<void> {
    this.#mustRun(await this.#ask("POST", `/daemons/${name}/signal`, { signal }));
  }

  /** Ends all daemons and the supervisor; returns when its socket is silent. Nothing happens where none runs. */
  async stop(): Promise<void> {
    if ((await this.#ask("POST", "/stop")) === undefined) return;
    const deadlineMs = performance.now() + ANSWER_TIMEOUT_MS;
    while ((await this.status()) !== undefined && performance.now() < deadlineMs) await delay(20);
  }

  /** Starts a supervisor in a session of its own and returns when it answers. */
  async start(): Promise<void> {
    await compileDaemons();
    const log = logFile(this.#state, "supervisor");
    await using output = await open(log, "a", 0o600);
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", SUPERVISOR, this.#state], {
      detached: true,
      stdio: ["ignore", output.fd, output.fd],
    });
    await once(child, "spawn");
    child.unref();
    const deadlineMs = performance.now() + START_TIMEOUT_MS;
    while ((await this.status()) === undefined) {
      if (child.exitCode !== null || child.signalCode !== null || performance.now() > deadlineMs) {
        await assertSpace(this.#state);
        throw new UserError("SUPERVISOR", `The lab's supervisor could not be started: see ${log}.`);
      }
      await delay(20);
    }
  }

  #mustRun(answer: unknown): void {
    if (answer === undefined) {
      throw new UserError("NOT_RUNNING", "The lab's supervisor is not running: start the lab with 'sanlab up'.", {
        exitCode: 3,
      });
    }
  }

  /** Undefined where nobody listens. The path goes through a descriptor of the directory, however long its name is. */
  async #ask(method: string, path: string, body?: unknown, timeoutMs = ANSWER_TIMEOUT_MS): Promise<unknown> {
    try {
      await using directory = await open(this.#state, constants.O_RDONLY | constants.O_DIRECTORY);
      const socketPath = `/proc/self/fd/${directory.fd}/${STATE_FILES.supervisorSocket}`;
      return await exchange(socketPath, method, path, body, timeoutMs);
    } catch (error) {
      if (["ENOENT", "ECONNREFUSED", "ECONNRESET", "EPIPE", "ENOTDIR"].includes(errorCode(error))) return undefined;
      throw error;
    }
  }
}

async function exchange(
  socketPath: string,
  method: string,
  path: string,
  body: unknown,
  timeoutMs: number,
): Promise<unknown> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const outgoing = request({ socketPath, method, path, agent: false, signal: AbortSignal.timeout(timeoutMs) });
  outgoing.end(text);
  try {
    const [response] = (await once(outgoing, "response")) as [import("node:http").IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    const answer = JSON.parse(Buffer.concat(chunks).toString()) as { error?: { message: string } };
    if (response.statusCode === 200) return answer;
    throw new UserError("SUPERVISOR", answer.error?.message ?? "The supervisor refused the request.");
  } catch (error) {
    if (errorCode(error) !== "ABORT_ERR") throw error;
    throw new UserError("SUPERVISOR", `The lab's supervisor did not answer within ${timeoutMs / 1000} s.`, {
      cause: error,
    });
  }
}
