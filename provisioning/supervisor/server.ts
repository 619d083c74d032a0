import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { asUserError } from "../errors.ts";
import { readHostRecord } from "../hosts/record.ts";
import { UserError } from "../user-error.ts";
import type { Supervisor } from "./supervisor.ts";

/** Larger requests are refused: a daemon's arguments are short. */
const MAX_BODY_BYTES = 64 * 1024;
const SIGNALS = ["SIGKILL", "SIGSTOP", "SIGCONT"] as const;

type Handler = (supervisor: Supervisor, name: string, body: unknown) => Promise<unknown>;

/**
 * Control over a Unix socket that only its owner can open:
 *
 *     GET    /daemons                 { pid, daemons: DaemonStatus[] }
 *     PUT    /daemons/NAME            { args }     starts it and keeps it alive
 *     DELETE /daemons/NAME            ends it
 *     POST   /daemons/NAME/signal     { signal }   SIGKILL, SIGSTOP or SIGCONT
 *     GET    /hosts/NAME              refused where it is no guest of this lab
 *     POST   /hosts/NAME/power-cut    ends the guest's process; it stays off
 *     POST   /stop                    ends all daemons, agents first, then this process
 */
const ROUTES: Readonly<Record<string, Handler>> = {
  "GET /daemons": async (supervisor) => ({ pid: process.pid, daemons: supervisor.list() }),
  "PUT /daemons/NAME": async (supervisor, name, body) => supervisor.put({ name, args: stringsOf(body, "args") }),
  "DELETE /daemons/NAME": async (supervisor, name) => supervisor.remove(name),
  "POST /daemons/NAME/signal": async (supervisor, name, body) => supervisor.signal(name, signalOf(body)),
  "GET /hosts/NAME": async (supervisor, name) => guestOf(supervisor.stateDirectory, name),
  "POST /hosts/NAME/power-cut": async (supervisor, name) => {
    // Loaded when it is asked for: a supervisor that starts no guest needs nothing of them.
    const { cutHostPower } = await import("../apply/host-steps.ts");
    await cutHostPower(supervisor.stateDirectory, name);
  },
  "POST /stop": async (supervisor) => supervisor.stopAll(),
};

/** `onStopped` is called after the answer to /stop has been sent. */
export function controlServer(supervisor: Supervisor, onStopped: () => void): Server {
  return createServer((request, response) => {
    void answer(supervisor, request, response).then((route) => {
      if (route === "POST /stop") onStopped();
    });
  });
}

/** Answers one request; the result names its route. Never throws. */
async function answer(supervisor: Supervisor, request: IncomingMessage, response: ServerResponse): Promise<string> {
  const [, first, name, ...rest] = (request.url ?? "").split("/").map(decodeURIComponent);
  const path = [first, ...(name === undefined ? [] : ["NAME"]), ...rest].join("/");
  const route = `${request.method} /${path}`;
  try {
    const handler = ROUTES[route];
    if (handler === undefined) throw new UserError("SUPERVISOR", `The supervisor knows no request '${route}'.`);
    const result = await handler(supervisor, name ?? "", await bodyOf(request));
    await send(response, 200, result ?? {});
  } catch (error) {
    const known = asUserError(error);
    const message = known?.message ?? `The supervisor failed: ${String(error)}`;
    await send(response, known === undefined ? 500 : 409, { error: { message } });
  }
  return route;
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > MAX_BODY_BYTES) throw new UserError("SUPERVISOR", "The request to the supervisor is too large.");
    chunks.push(chunk as Buffer);
  }
  return bytes === 0 ? undefined : (JSON.parse(Buffer.concat(chunks).toString()) as unknown);
}

function send(response: ServerResponse, status: number, body: unknown): Promise<void> {
  response.writeHead(status, { "content-type": "application/json", connection: "close" });
  // A client that has gone does not want the answer; the response is done with all the same.
  return new Promise((resolve) => {
    response.once("close", resolve);
    response.end(JSON.stringify(body));
  });
}

async function guestOf(state: string, name: string): Promise<object> {
  const record = await readHostRecord(state, name);
  if (record !== undefined) return record;
  throw new UserError("HOST", `Host '${name}' is no guest of this lab: its power cannot be cut from here.`);
}

function stringsOf(body: unknown, key: string): string[] {
  const value = (body as Record<string, unknown> | undefined)?.[key];
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
  throw new UserError("SUPERVISOR", `The request to the supervisor lacks a list of strings '${key}'.`);
}

function signalOf(body: unknown): NodeJS.Signals {
  const value = (body as Record<string, unknown> | undefined)?.signal;
  const signal = SIGNALS.find((known) => known === value);
  if (signal === undefined)
    throw new UserError("SUPERVISOR", `The supervisor sends ${SIGNALS.join(", ")}, not '${String(value)}'.`);
  return signal;
}
