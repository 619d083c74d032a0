import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Endpoint } from "@sanlab/controller/api/resources.ts";
import { errorCode } from "../errors.ts";
import { readJson } from "../state/json-file.ts";
import { STATE_FILES } from "../state/layout.ts";
import { assertSpace } from "../state/space.ts";
import { SupervisorClient } from "../supervisor/client.ts";
import { ExitCode, UserError } from "../user-error.ts";

/** A controller that is being restarted answers again within this time. */
const RESTART_MS = 15_000;
const RETRY_MS = 100;
/** For one answer: a thick disk is zeroed before it is reported. */
const ANSWER_TIMEOUT_MS = 600_000;

/** An answer of the controller that is no success: `status` is HTTP's. */
export class ApiError extends UserError {
  readonly status: number;
  readonly apiCode: string;

  constructor(status: number, apiCode: string, message: string) {
    super("CONTROLLER", message);
    this.status = status;
    this.apiCode = apiCode;
  }
}

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** The controller's HTTP API, found through the state directory. `signal` ends every request. */
export class ApiClient {
  readonly #state: string;
  readonly #signal: AbortSignal | undefined;

  constructor(state: string, signal?: AbortSignal) {
    this.#state = state;
    this.#signal = signal;
  }

  get<Answer>(path: string): Promise<Answer> {
    return this.#call("GET", path) as Promise<Answer>;
  }
  post<Answer>(path: string, body?: unknown): Promise<Answer> {
    return this.#call("POST", path, body) as Promise<Answer>;
  }
  put<Answer>(path: string, body: unknown): Promise<Answer> {
    return this.#call("PUT", path, body) as Promise<Answer>;
  }
  patch<Answer>(path: string, body: unknown): Promise<Answer> {
    return this.#call("PATCH", path, body) as Promise<Answer>;
  }
  delete<Answer = void>(path: string): Promise<Answer> {
    return this.#call("DELETE", path) as Promise<Answer>;
  }

  /** As `get`, and undefined instead of waiting where the controller does not answer now. */
  async getIfThere<Answer>(path: string): Promise<Answer | undefined> {
    try {
      return (await this.#once("GET", path, undefined)) as Answer;
    } catch (error) {
      if (error instanceof NoController) return undefined;
      throw error;
    }
  }

  /** A controller that is away is waited for as long as somebody restarts it. Only requests that never arrived are repeated. */
  async #call(method: Method, path: string, body?: unknown): Promise<unknown> {
    const deadlineMs = performance.now() + RESTART_MS;
    for (;;) {
      try {
        return await this.#once(method, path, body);
      } catch (error) {
        if (!(error instanceof NoController)) throw error;
        if (performance.now() > deadlineMs) throw error.toUserError();
        const supervisor = await new SupervisorClient(this.#state).status();
        if (supervisor === undefined) throw error.toUserError();
        await delay(RETRY_MS, undefined, this.#signal === undefined ? {} : { signal: this.#signal });
      }
    }
  }

  async #once(method: Method, path: string, body: unknown): Promise<unknown> {
    const { url, token } = await this.#endpoint();
    const timeout = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    const response = await reached(this.#state, () =>
      fetch(new URL(`/v1${path}`, url), {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: this.#signal === undefined ? timeout : AbortSignal.any([timeout, this.#signal]),
      }),
    );
    const answer = await parsed(response);
    if (response.ok) return answer;
    const { code, message } = (answer as { error?: { code?: string; message?: string } } | undefined)?.error ?? {};
    throw new ApiError(
      response.status,
      code ?? "",
      message ?? `The controller answered ${method} ${path} with ${response.status}.`,
    );
  }

  async #endpoint(): Promise<{ url: string; token: string }> {
    const endpoint = await readJson<Endpoint>(join(this.#state, STATE_FILES.endpoint));
    if (endpoint === undefined) throw new NoController(this.#state);
    try {
      return { url: endpoint.url, token: (await readFile(join(this.#state, STATE_FILES.token), "utf8")).trim() };
    } catch (error) {
      if (errorCode(error) === "ENOENT") throw new NoController(this.#state);
      throw error;
    }
  }
}

/** Nobody listens at the controller's endpoint, or there is none. */
class NoController extends Error {
  readonly #state: string;

  constructor(state: string) {
    super(`no controller answers for ${state}`);
    this.#state = state;
  }

  toUserError(): UserError {
    const sentence = `No lab is running on the state directory ${this.#state}: start one with 'sanlab up', or name another directory with --state.`;
    return new UserError("NOT_RUNNING", sentence, { exitCode: ExitCode.NOT_RUNNING });
  }
}

async function reached(state: string, call: () => Promise<Response>): Promise<Response> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof Error && errorCode(error.cause) === "ECONNREFUSED") throw new NoController(state);
    const isCut = error instanceof TypeError;
    if (!isCut) throw error;
    await assertSpace(state);
    throw new UserError(
      "CONTROLLER",
      "The controller ended before it answered: look at 'sanlab status' and try again.",
      {
        cause: error,
      },
    );
  }
}

async function parsed(response: Response): Promise<unknown> {
  const text = await response.text();
  if (text === "") return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Whatever answers at the recorded port now is not the controller, whose every answer is JSON.
    throw new UserError("CONTROLLER", `Something other than a controller answers at ${response.url}.`);
  }
}
