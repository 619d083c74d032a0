import type { Agent } from "@sanlab/controller/api/resources.ts";
import { agentProcess } from "../state/layout.ts";
import type { Running } from "./running.ts";

/** An agent of a lab: an iSCSI target that is a process of its own. */
export class AgentHandle {
  readonly name: string;
  readonly #running: Running;

  constructor(running: Running, name: string) {
    this.#running = running;
    this.name = name;
  }

  /** Process, portal, state. */
  show(): Promise<Agent> {
    return this.#running.api.get<Agent>(`/agents/${this.name}`);
  }

  /** kill -9, as a crash would; it is started again. */
  kill(): Promise<void> {
    return this.#signal("SIGKILL");
  }

  /** Freezes its process until `resume`. */
  pause(): Promise<void> {
    return this.#signal("SIGSTOP");
  }

  resume(): Promise<void> {
    return this.#signal("SIGCONT");
  }

  async #signal(signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): Promise<void> {
    await this.#running.supervisor.signal(agentProcess(this.name), signal);
  }
}
