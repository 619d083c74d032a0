/** What every handle of a lab works with. */
import { ApiClient } from "../api/client.ts";
import type { SingleOptions } from "../apply/single.ts";
import { SupervisorClient } from "../supervisor/client.ts";

export class Running {
  readonly state: string;
  readonly api: ApiClient;
  readonly supervisor: SupervisorClient;
  readonly signal: AbortSignal;
  readonly #say: (message: string) => void;

  constructor(state: string, signal: AbortSignal, say: (message: string) => void) {
    this.state = state;
    this.signal = signal;
    this.api = new ApiClient(state, signal);
    this.supervisor = new SupervisorClient(state);
    this.#say = say;
  }

  /** As the verbs of the command line are called. */
  get options(): SingleOptions {
    return { state: this.state, signal: this.signal, note: this.#say };
  }
}
