/** A lab for test code: brought up from an object, used by typed handles, taken down with all it left. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Fault } from "@sanlab/controller/api/resources.ts";
import { stringify } from "yaml";
import type { ApiClient } from "../api/client.ts";
import { down } from "../apply/down.ts";
import { up } from "../apply/up.ts";
import { cacheDirectory } from "../hosts/start.ts";
import { UserError } from "../user-error.ts";
import { AgentHandle } from "./agent.ts";
import type { LabDefinition, NamesOf } from "./definition.ts";
import { DiskHandle } from "./disk.ts";
import { FaultHandle } from "./fault.ts";
import { HostHandle } from "./host.ts";
import { Running } from "./running.ts";

export interface LabOptions {
  /** Where guest images are kept; that of the command line without it. */
  readonly cacheDirectory?: string;
  /** Takes sentences about what is done; nothing is said without it. */
  readonly say?: (message: string) => void;
  /** Ends what is under way; `up` is taken back then. */
  readonly signal?: AbortSignal;
}

export interface UntilOptions {
  /** 60 s by default. */
  readonly timeoutMs?: number;
  /** 200 ms by default. */
  readonly everyMs?: number;
}

/**
 * A lab that runs, in a temporary directory: images of pools with a relative path are created there; paths to what is
 * there already are absolute. `await using` takes it down at the end of its block.
 */
export class RunningTestLab<Definition extends LabDefinition> {
  /** Its state directory: `sanlab --state DIRECTORY status` looks into it from outside. */
  readonly state: string;
  readonly #running: Running;
  readonly #options: LabOptions;
  readonly #directory: string;

  private constructor(directory: string, options: LabOptions) {
    this.#directory = directory;
    this.#options = options;
    this.state = join(directory, "state");
    this.#running = new Running(this.state, options.signal ?? new AbortController().signal, options.say ?? (() => {}));
  }

  static async up<const Definition extends LabDefinition>(
    definition: Definition,
    options: LabOptions,
  ): Promise<RunningTestLab<Definition>> {
    const lab = new RunningTestLab<Definition>(await mkdtemp(join(tmpdir(), "sanlab-lab-")), options);
    try {
      await lab.change(definition);
    } catch (error) {
      await lab.down();
      throw error;
    }
    return lab;
  }

  /** The controller's HTTP API, for what has no handle. */
  get api(): ApiClient {
    return this.#running.api;
  }

  disk(name: NamesOf<Definition, "disks">): DiskHandle {
    return new DiskHandle(this.#running, name);
  }

  agent(name: NamesOf<Definition, "agents">): AgentHandle {
    return new AgentHandle(this.#running, name);
  }

  host(name: NamesOf<Definition, "hosts">): HostHandle {
    return new HostHandle(this.#running, name);
  }

  /** Adds a fault on demand (docs/faults.md); resolves when every agent has it. */
  async fault(text: string, name?: string): Promise<FaultHandle> {
    const fault = await this.api.post<Fault>("/faults", { text, ...(name === undefined ? {} : { name }) });
    return new FaultHandle(this.#running, fault.name);
  }

  /** Resolves with the first value of `check` that is neither undefined, null nor false. @throws UserError after the time, with what was waited for */
  async until<Value>(
    what: string,
    check: () => Promise<Value> | Value,
    { timeoutMs = 60_000, everyMs = 200 }: UntilOptions = {},
  ): Promise<Exclude<Value, undefined | null | false>> {
    const deadlineMs = performance.now() + timeoutMs;
    for (;;) {
      this.#running.signal.throwIfAborted();
      const value = await check();
      if (value !== undefined && value !== null && value !== false)
        return value as Exclude<Value, undefined | null | false>;
      if (performance.now() > deadlineMs) {
        throw new UserError("REFUSED", `Waited ${timeoutMs / 1000} s in vain until ${what}.`);
      }
      await delay(everyMs, undefined, { signal: this.#running.signal });
    }
  }

  /** `sanlab up` with another definition: adds what is missing, all or nothing. */
  async change(definition: LabDefinition): Promise<void> {
    const labFile = join(this.#directory, "lab.yaml");
    await writeFile(labFile, stringify({ lab: "test", ...definition }));
    await up({
      state: this.state,
      labFile,
      cacheDir: this.#options.cacheDirectory ?? cacheDirectory(),
      signal: this.#running.signal,
      ...(this.#options.say === undefined ? {} : { say: this.#options.say }),
    });
  }

  /** Stops everything, and removes what was created. Once more, and nothing happens. */
  async down(): Promise<void> {
    await down({ state: this.state, destroy: true });
    await rm(this.#directory, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
  }
}

/**
 * Brings up a lab and resolves when every host sees its disks; what fails is taken back, and nothing is left.
 * @throws LabFileError with all that is wrong with the definition; UserError where it cannot be brought up
 */
export function lab<const Definition extends LabDefinition>(
  definition: Definition,
  options: LabOptions = {},
): Promise<RunningTestLab<Definition>> {
  return RunningTestLab.up(definition, options);
}
