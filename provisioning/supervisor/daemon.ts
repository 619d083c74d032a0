import { spawn } from "node:child_process";
import { once } from "node:events";
import { open } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { isAlive, type ProcessIdentity, processIdentity, signalProcess } from "@sanlab/vm";
import { CLI } from "../entry-points.ts";
import { logFile } from "../state/layout.ts";
import { MARK, mark } from "./marked.ts";
import type { DaemonRecord, DaemonSpec } from "./records.ts";
import { RestartDelay } from "./restart-delay.ts";

/** --expose-gc: idle agents give memory back. */
export const DAEMON_NODE_OPTIONS = ["--disable-warning=ExperimentalWarning", "--expose-gc"];
/** How often an adopted process, whose end the kernel does not tell us, is looked at. */
const WATCH_MS = 200;
/** For an orderly end before the kernel ends it. */
const STOP_TIMEOUT_MS = 10_000;

export type DaemonState = "starting" | "running" | "waiting" | "stopped";

export interface DaemonOptions {
  readonly stateDirectory: string;
  readonly stateId: string;
  /** Called whenever the process behind the daemon changed, so that it is recorded. */
  readonly onChange: () => Promise<void>;
  readonly log: (message: string, details: object) => void;
}

/**
 * One daemon that is kept alive until `stop`.
 *
 *     stopped → running → (process ended) → waiting → running → … → stopped
 */
export class Daemon {
  readonly spec: DaemonSpec;
  readonly #options: DaemonOptions;
  readonly #delay = new RestartDelay();
  readonly #stopping = new AbortController();
  #process: ProcessIdentity | null = null;
  #state: DaemonState = "starting";
  #restarts = 0;
  #lastEnd: string | null = null;
  #life: Promise<void> = Promise.resolve();

  constructor(spec: DaemonSpec, options: DaemonOptions) {
    this.spec = spec;
    this.#options = options;
  }

  get record(): DaemonRecord {
    return { ...this.spec, process: this.#process };
  }

  get status() {
    return {
      name: this.spec.name,
      pid: this.#state === "running" ? (this.#process?.pid ?? null) : null,
      state: this.#state,
      restarts: this.#restarts,
      lastEnd: this.#lastEnd,
    };
  }

  /** Begins its life with a process that is there already, or a new one. Returns when there is one. */
  async start(existing?: ProcessIdentity): Promise<void> {
    const first = existing === undefined ? await this.#spawn() : await this.#adopt(existing);
    this.#life = this.#live(first);
  }

  /** Ends the process, orderly if it can, and starts no other. Returns when it has ended. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    if (this.#process !== null) await endProcess(this.#process, STOP_TIMEOUT_MS);
    await this.#life;
    this.#state = "stopped";
  }

  async signal(signal: NodeJS.Signals): Promise<void> {
    if (this.#process !== null) await signalProcess(this.#process, signal);
  }

  async #live(first: LiveProcess): Promise<void> {
    for (let process = first; ; process = await this.#spawn()) {
      // Stopped while the process was being started, when nobody knew it yet.
      if (this.#stopping.signal.aborted && this.#process !== null) await endProcess(this.#process, STOP_TIMEOUT_MS);
      this.#lastEnd = await process.ended;
      if (this.#stopping.signal.aborted) return;
      this.#options.log("a daemon ended", { daemon: this.spec.name, end: this.#lastEnd });
      this.#state = "waiting";
      await abortable(this.#delay.next(performance.now()), this.#stopping.signal);
      if (this.#stopping.signal.aborted) return;
      this.#restarts += 1;
    }
  }

  async #adopt(existing: ProcessIdentity): Promise<LiveProcess> {
    this.#options.log("a daemon was found alive", { daemon: this.spec.name, pid: existing.pid });
    await this.#isRunning(existing);
    return { ended: untilEnded(existing) };
  }

  async #spawn(): Promise<LiveProcess> {
    try {
      return await this.#spawnOnce();
    } catch (error) {
      // No memory, no space or no process number left: as if it had ended at once, so it is tried again later.
      return { ended: Promise.resolve(`it could not be started: ${String(error)}`) };
    }
  }

  async #spawnOnce(): Promise<LiveProcess> {
    const { stateDirectory, stateId, log } = this.#options;
    const path = logFile(stateDirectory, this.spec.name);
    // Appending to a file needs nobody at the other end, so the daemon outlives this process.
    await using output = await open(path, "a", 0o600);
    const child = spawn(process.execPath, [...DAEMON_NODE_OPTIONS, CLI, ...this.spec.args], {
      detached: true,
      cwd: stateDirectory,
      stdio: ["ignore", output.fd, output.fd],
      env: { ...process.env, [MARK]: mark(stateId, this.spec.name) },
    });
    const ended = new Promise<string>((resolve) => {
      child.once("exit", (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`));
    });
    await once(child, "spawn");
    const identity = await processIdentity(child.pid ?? 0);
    if (identity !== undefined) await this.#isRunning(identity);
    log("a daemon was started", { daemon: this.spec.name, pid: child.pid });
    return { ended };
  }

  async #isRunning(identity: ProcessIdentity): Promise<void> {
    this.#process = identity;
    this.#state = "running";
    this.#delay.started(performance.now());
    await this.#options.onChange();
  }
}

interface LiveProcess {
  /** Resolves with the manner of its end. */
  readonly ended: Promise<string>;
}

/** Asks a process to end, and ends it after `timeoutMs`. Returns when it has gone. */
export async function endProcess(identity: ProcessIdentity, timeoutMs: number): Promise<void> {
  await signalProcess(identity, "SIGTERM");
  // A process that was paused would not notice.
  await signalProcess(identity, "SIGCONT");
  const deadlineMs = performance.now() + timeoutMs;
  while ((await isAlive(identity)) && performance.now() < deadlineMs) await delay(20);
  await signalProcess(identity, "SIGKILL");
  while (await isAlive(identity)) await delay(20);
}

async function untilEnded(identity: ProcessIdentity): Promise<string> {
  while (await isAlive(identity)) await delay(WATCH_MS);
  return "an end that was not seen";
}

async function abortable(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
