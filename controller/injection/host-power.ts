/** Who can cut the power of the lab's guests: their processes are the supervisor's machine's, not the controller's. */
import { once } from "node:events";
import { closeSync, constants, openSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";

/** Each resolves with a sentence where it cannot be, and with undefined where it is so. */
export interface HostPower {
  /** Whether this host's power could be cut: it is a guest of ours. */
  check(host: string): Promise<string | undefined>;
  /** The guest's process has ended, and nobody starts it again by itself. */
  cut(host: string): Promise<string | undefined>;
}

export const NO_POWER: HostPower = { check: async () => NO_SUPERVISOR, cut: async () => NO_SUPERVISOR };

const NO_SUPERVISOR =
  "No supervisor runs beside this controller, and hosts' power is cut through it: start the lab with 'sanlab up'.";
const TIMEOUT_MS = 30_000;

/** Through the supervisor's socket in the state directory. */
export class SupervisorPower implements HostPower {
  readonly #state: string;

  constructor(stateDirectory: string) {
    this.#state = stateDirectory;
  }

  check(host: string): Promise<string | undefined> {
    return this.#ask("GET", `/hosts/${host}`);
  }

  cut(host: string): Promise<string | undefined> {
    return this.#ask("POST", `/hosts/${host}/power-cut`);
  }

  async #ask(method: string, path: string): Promise<string | undefined> {
    // Through a descriptor of the directory, however long its name is (unix(7): 108 bytes).
    const directory = openSync(this.#state, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      const socketPath = `/proc/self/fd/${directory}/supervisor.sock`;
      const outgoing = request({ socketPath, method, path, agent: false, signal: AbortSignal.timeout(TIMEOUT_MS) });
      outgoing.end();
      const [response] = (await once(outgoing, "response")) as [IncomingMessage];
      const chunks = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      if (response.statusCode === 200) return undefined;
      const answer = JSON.parse(Buffer.concat(chunks).toString()) as { error?: { message?: string } };
      return answer.error?.message ?? "The supervisor refused to cut the host's power; its log says why.";
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT" || code === "ECONNREFUSED" || code === "ECONNRESET") return NO_SUPERVISOR;
      if (code === "ABORT_ERR") return `The supervisor did not answer within ${TIMEOUT_MS / 1000} s.`;
      throw error;
    } finally {
      closeSync(directory);
    }
  }
}
