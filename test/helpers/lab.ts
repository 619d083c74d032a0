/**
 * A lab as a user has one: a directory with a lab file, brought up and taken down through the
 * command line. Nothing here looks inside sanlab.
 */
import { appendFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { execa } from "execa";
import { stringify } from "yaml";

const BIN = new URL("../../provisioning/bin/sanlab.js", import.meta.url).pathname;

/** With several guests, and images that are made first. */
const UP_TIMEOUT_MS = 900_000;

/** The exit code of what was ended by a signal or by its time limit. */
const ENDED_EARLY = -1;

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
  readonly env?: Readonly<Record<string, string>>;
}

export interface AgentRow {
  readonly name: string;
  readonly pid: number | null;
  readonly portal: string;
  readonly state: string;
}
export interface PathRow {
  readonly host: string;
  readonly iqn: string;
  readonly disk: string;
  readonly agent: string;
  readonly portal: string;
  readonly target: string;
  readonly lun: number;
  readonly url: string;
}
export interface DiskRow {
  readonly name: string;
  readonly size: number;
  readonly pool: string;
  readonly mappedSegments: number;
}

/** One lab in a directory of its own under the system's temporary directory. */
export class TestLab {
  readonly directory: string;
  readonly file: string;

  constructor(directory: string) {
    this.directory = directory;
    this.file = join(directory, "lab.yaml");
  }

  /** Runs `sanlab ARGS` in the lab's directory; a non-zero exit code is returned, not thrown. */
  async run(args: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
    const result = await execa(process.execPath, [BIN, ...args], {
      cwd: this.directory,
      reject: false,
      timeout: options.timeoutMs ?? 120_000,
      env: { ...options.env, SANLAB_STATE: join(this.directory, "state") },
      ...(options.input === undefined ? { stdin: "ignore" as const } : { input: options.input }),
    });
    return { exitCode: result.exitCode ?? ENDED_EARLY, stdout: result.stdout, stderr: result.stderr };
  }

  /** As `run`, and throws with what was said where the exit code is not 0. */
  async must(...args: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run(args);
    if (exitCode !== 0) throw new Error(`sanlab ${args.join(" ")} ended with ${exitCode}:\n${stderr}\n${stdout}`);
    return stdout;
  }

  async json<T>(...args: readonly string[]): Promise<T> {
    return JSON.parse(await this.must(...args, "--json")) as T;
  }

  /** Runs a shell script in a guest; throws where it fails. */
  async guest(host: string, script: string, timeoutMs = 120_000): Promise<string> {
    const result = await this.run(["host", "exec", host, "--", "sh", "-c", script], { timeoutMs });
    if (result.exitCode !== 0) {
      throw new Error(`in ${host}, ended with ${result.exitCode}:\n${script}\n${result.stdout}\n${result.stderr}`);
    }
    return result.stdout;
  }

  async writeFile(lab: object): Promise<void> {
    await writeFile(this.file, stringify(lab));
  }

  /** A scenario file beside the lab file. */
  async writeScenario(name: string, scenario: object): Promise<void> {
    await writeFile(join(this.directory, name), stringify(scenario));
  }

  /** `env`: for the lab's processes, beside this one's. */
  async up(lab: object, env: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.writeFile(lab);
    const { exitCode, stdout, stderr } = await this.run(["up", this.file], { timeoutMs: UP_TIMEOUT_MS, env });
    if (exitCode !== 0) throw new Error(`sanlab up ended with ${exitCode}:\n${stderr}\n${stdout}`);
    countGuests(lab);
  }

  agents(): Promise<AgentRow[]> {
    return this.json<AgentRow[]>("agent", "list");
  }
  paths(): Promise<PathRow[]> {
    return this.json<PathRow[]>("export", "list");
  }
  disks(): Promise<DiskRow[]> {
    return this.json<DiskRow[]>("disk", "list");
  }

  /** The path to a disk through an agent, as libiscsi writes it. */
  async url(disk: string, agent: string): Promise<string> {
    const row = (await this.paths()).find((path) => path.disk === disk && path.agent === agent);
    if (row === undefined) throw new Error(`no path to ${disk} through ${agent}`);
    return row.url;
  }

  /** Stops everything and removes the directory, whatever state the lab is in. */
  async destroy(): Promise<void> {
    let down = await this.run(["down", "--destroy"]);
    // A Ctrl-C that ends whoever waits for it here ends it too, as long as it has not begun.
    if (down.exitCode === ENDED_EARLY) down = await this.run(["down", "--destroy"]);
    await rm(this.directory, { recursive: true, force: true });
    if (down.exitCode !== 0 && down.exitCode !== 3) throw new Error(`sanlab down --destroy failed:\n${down.stderr}`);
  }
}

/** An empty lab directory that the test's teardown removes together with what runs there. */
export async function testLab(t: Pick<ExecutionContext, "teardown">): Promise<TestLab> {
  const lab = new TestLab(await mkdtemp(join(tmpdir(), "sanlab-test-")));
  t.teardown(() => lab.destroy());
  return lab;
}

/** A lab file with one pool, one thin disk, the agents named, on ports that are free, and hosts. */
export function labOf(options: {
  agents?: readonly string[];
  hosts?: Readonly<Record<string, object>>;
  diskSize?: string;
  deviceSize?: string;
  thick?: boolean;
}): object {
  const agents = options.agents ?? ["a"];
  const hosts = options.hosts ?? { outside: external("outside") };
  return {
    lab: "test",
    pools: { main: { segment: "1MiB", devices: [{ path: "main-0.img", size: options.deviceSize ?? "1GiB" }] } },
    disks: { data: { pool: "main", size: options.diskSize ?? "512MiB", ...(options.thick ? { thick: true } : {}) } },
    agents: Object.fromEntries(agents.map((name) => [name, { portal: "127.0.0.1:0" }])),
    hosts,
    zones: { all: { hosts: Object.keys(hosts), agents, disks: ["data"] } },
  };
}

/** A host that we let in but do not start; clients of ours log in under its IQN. */
export function external(name: string): { disks: string[]; iqn: string; external: true } {
  return { disks: ["data"], iqn: `iqn.2026-11.example:${name}`, external: true };
}

/** A guest with its own open-iscsi. */
export function guest(): { disks: string[]; memory: string; initiator: string } {
  return { disks: ["data"], memory: "256MiB", initiator: "open-iscsi" };
}

/** The runner prints how many guests a test run booted; see test/run. */
export function countGuests(lab: object): void {
  const file = process.env.SANLAB_GUEST_COUNT_FILE;
  if (file === undefined) return;
  const hosts = Object.values((lab as { hosts?: Record<string, { external?: boolean }> }).hosts ?? {});
  for (const host of hosts) if (host.external !== true) appendFileSync(file, "boot\n");
}

/** Waits until `check` gives something other than undefined or false; throws after the bound with what was waited for. */
export async function eventually<T>(
  what: string,
  check: () => Promise<T>,
  boundMs = 60_000,
): Promise<Exclude<T, undefined | null | false>> {
  const end = performance.now() + boundMs;
  for (;;) {
    const value = await check();
    if (value !== undefined && value !== null && value !== false) return value as Exclude<T, undefined | null | false>;
    if (performance.now() > end) throw new Error(`waited ${boundMs / 1000} s in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
