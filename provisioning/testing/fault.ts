import type { Fault } from "@sanlab/controller/api/resources.ts";
import { UserError } from "../user-error.ts";
import type { Running } from "./running.ts";

/** A fault on demand that was added to a lab. */
export class FaultHandle {
  readonly name: string;
  readonly #running: Running;

  constructor(running: Running, name: string) {
    this.#running = running;
    this.name = name;
  }

  /** State, and how often it matched and fired. */
  async show(): Promise<Fault> {
    const faults = await this.#running.api.get<Fault[]>("/faults");
    const fault = faults.find(({ name }) => name === this.name);
    if (fault === undefined) throw new UserError("REFUSED", `There is no fault '${this.name}' any more.`);
    return fault;
  }

  /** What was stuck by it goes on. */
  async clear(): Promise<void> {
    await this.#running.api.delete(`/faults/${this.name}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const faults = await this.#running.api.get<Fault[]>("/faults");
    if (faults.some(({ name }) => name === this.name)) await this.clear();
  }
}
