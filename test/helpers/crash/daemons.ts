/** A controller and agents as processes of the test, as `sanlab` runs them: killed without notice, started again, ended with the test. */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Agent, ExportPath } from "@sanlab/controller/api/resources.ts";
import type { ExecutionContext } from "ava";
import { execa } from "execa";

const CLI = new URL("../../../provisioning/cli/main.ts", import.meta.url).pathname;
const PATIENCE_MS = 120_000;
const LOG_BYTES = 3000;

interface Daemon {
  readonly pid: number | undefined;
  readonly kill: () => void;
  readonly ended: Promise<unknown>;
}

export class Daemons {
  readonly #state: string;
  readonly #logs: string;
  readonly #agents: readonly string[];
  readonly #running = new Map<string, Daemon>();

  /** `directory`: where the controller keeps what it knows; `logs`: where they say what they do. */
  constructor(t: ExecutionContext, directory: string, logs: string, agents: readonly string[]) {
    this.#state = join(directory, "state");
    this.#logs = logs;
    this.#agents = agents;
    t.teardown(() => this.kill(this.names));
  }

  get names(): string[] {
    return ["controller", ...this.#agents];
  }

  async start(): Promise<void> {
    await mkdir(this.#state);
    this.run("controller");
    for (const name of this.#agents)
      await this.api("POST", "/agents", { name, portal: { host: "127.0.0.1", port: 0 } });
    for (const name of this.#agents) this.run(name);
    await this.ready();
  }

  run(name: string): void {
    const args = name === "controller" ? ["controller"] : ["agent", "--name", name];
    const child = execa(
      process.execPath,
      ["--disable-warning=ExperimentalWarning", "--expose-gc", CLI, ...args, "--state", this.#state],
      {
        reject: false,
        stdin: "ignore",
        stdout: "ignore",
        stderr: { file: join(this.#logs, `${name}.log`), append: true },
      },
    );
    this.#running.set(name, { pid: child.pid, kill: () => void child.kill("SIGKILL"), ended: child });
  }

  /** SIGKILL, to all of them before any is waited for. */
  async kill(names: readonly string[]): Promise<void> {
    for (const name of names) this.#running.get(name)?.kill();
    for (const name of names) await this.#running.get(name)?.ended;
  }

  /** Every agent is known to the controller, and hosts can reach it. */
  async ready(): Promise<void> {
    for (const end = performance.now() + PATIENCE_MS; ; await delay(30)) {
      const agents = (await this.api("GET", "/agents")) as readonly Agent[];
      const isBack = ({ name, pid, state }: Agent) => state === "connected" && pid === this.#running.get(name)?.pid;
      if (agents.every((agent) => isBack(agent) && !agent.portal.endsWith(":0"))) return;
      if (performance.now() > end) throw new Error(`not all agents are back: ${JSON.stringify(agents)}`);
    }
  }

  async url(host: string, disk: string, agent: string): Promise<string> {
    const paths = (await this.api("GET", "/exports")) as readonly ExportPath[];
    const path = paths.find((row) => row.host === host && row.disk === disk && row.agent === agent);
    if (path === undefined) throw new Error(`host ${host} has no path to ${disk} through ${agent}`);
    return path.url;
  }

  /** A request to a controller that may be starting; repeated until it is answered. @throws Error where it is refused */
  async api(method: string, path: string, body?: object): Promise<unknown> {
    for (const end = performance.now() + PATIENCE_MS; ; await delay(30)) {
      const answer = await this.attempt(method, path, body).catch(() => undefined);
      if (answer?.ok) return answer.body;
      if (answer !== undefined) throw new Error(`${method} ${path}: ${JSON.stringify(answer.body)}`);
      if (performance.now() > end) throw new Error(`no controller answers ${method} ${path}`);
    }
  }

  /** One request. @throws where no controller answers it, which may have done it all the same */
  async attempt(method: string, path: string, body?: object): Promise<{ ok: boolean; body: unknown }> {
    const { url } = JSON.parse(await readFile(join(this.#state, "controller.json"), "utf8")) as { url: string };
    const token = (await readFile(join(this.#state, "token"), "utf8")).trim();
    const response = await fetch(new URL(`/v1${path}`, url), {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body && { "content-type": "application/json" }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { ok: response.ok, body: text === "" ? undefined : JSON.parse(text) };
  }

  /** The end of what each said. */
  async log(): Promise<string> {
    const logs = await Promise.all(
      this.names.map(async (name) => {
        const log = await readFile(join(this.#logs, `${name}.log`), "utf8").catch(() => "");
        return `${name}:\n${log.slice(-LOG_BYTES)}`;
      }),
    );
    return logs.join("\n");
  }
}

export function iqnOf(host: string): string {
  return `iqn.2026-11.example:${host}`;
}
