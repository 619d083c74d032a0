/** The HTTP API over a core: token, Host and Origin, one sentence for every error. */
import { timingSafeEqual } from "node:crypto";
import { TLSSocket } from "node:tls";
import swagger from "@fastify/swagger";
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { ControllerCore } from "../core.ts";
import { prometheusText } from "../metrics/prometheus.ts";
import { takeSample } from "../metrics/sample.ts";
import { isDoorsHost } from "../remote/names.ts";
import { Refusal } from "../user-error.ts";
import { ROUTES, type Route, VERSION } from "./routes.ts";

const LOCAL_HOSTS = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/;

export async function httpServer(core: ControllerCore, token: string): Promise<FastifyInstance> {
  const server = fastify({ bodyLimit: 1024 * 1024, forceCloseConnections: true });
  await server.register(swagger, { openapi: { info: { title: "sanlab controller", version: VERSION } } });
  server.addHook("onRequest", async (request) => authorize(core, request, token));
  server.setErrorHandler((error: FastifyError | Refusal, _request, reply) => answerError(core, error, reply));
  server.setNotFoundHandler((request, reply) =>
    answerError(
      core,
      new Refusal("not-found", `There is no ${request.method} ${request.url}; see /v1/openapi.json.`, 404),
      reply,
    ),
  );
  for (const route of ROUTES) addRoute(server, core, route);
  server.get("/metrics", { schema: { summary: "Counters in Prometheus' text format" } }, async (_request, reply) => {
    const { type, text } = await prometheusText(await takeSample(core));
    return reply.type(type).send(text);
  });
  server.get("/v1/openapi.json", { schema: { hide: true } }, () => server.swagger());
  return server;
}

export function isAuthorized(header: string | undefined, token: string): boolean {
  const given = Buffer.from(header ?? "");
  const wanted = Buffer.from(`Bearer ${token}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

/** A web page that somebody's browser shows is no client of ours: its Host or Origin tells. */
export function isLocal(host: string | undefined, origin: string | undefined): boolean {
  return LOCAL_HOSTS.test(host ?? "") && (origin === undefined || LOCAL_HOSTS.test(origin.replace(/^https?:\/\//, "")));
}

/** Through the door for other machines no browser is let in, and the controller goes by the names of its certificate. */
function authorize(core: ControllerCore, request: FastifyRequest, token: string): void {
  const { host, origin } = request.headers;
  const isRemote = request.raw.socket instanceof TLSSocket;
  if (isRemote ? !isDoorsHost(core, host) || origin !== undefined : !isLocal(host, origin)) {
    throw new Refusal("origin", "This Host or Origin is not let in; use the controller's own address.", 403);
  }
  if (!isAuthorized(request.headers.authorization, token)) {
    throw new Refusal(
      "token",
      "The token is missing or wrong; send the one in the state directory's file `token` as a Bearer token.",
      401,
    );
  }
}

function addRoute(
  server: FastifyInstance,
  core: ControllerCore,
  { method, path, summary, body, changes, run }: Route,
): void {
  server.route({
    method,
    url: `/v1${path}`,
    schema: { summary, ...(body === undefined ? {} : { body }) },
    handler: async (request, reply) => {
      const call = {
        params: request.params as Record<string, string>,
        query: request.query as Record<string, string>,
        body: request.body,
      };
      const result = await (changes ? core.administer(async () => run(core, call)) : run(core, call));
      if (result === undefined) return reply.code(204).send();
      return result;
    },
  });
}

function answerError(core: ControllerCore, error: FastifyError | Refusal, reply: FastifyReply): FastifyReply {
  if (error instanceof Refusal)
    return reply.code(error.status).send({ error: { code: error.code, message: error.message } });
  if (error.validation || (error.statusCode ?? 500) < 500) {
    return reply
      .code(error.statusCode ?? 400)
      .send({ error: { code: "malformed", message: `The request is malformed: ${error.message}.` } });
  }
  if (isNoSpace(error)) {
    const message = `No space is left on the file system of the lab's tables or images: free some and try again.`;
    return reply.code(507).send({ error: { code: "no-space", message } });
  }
  core.bug(error);
  return reply
    .code(500)
    .send({ error: { code: "bug", message: "The controller failed through a bug; its log has the details." } });
}

/** The file system is full: for a file of ours, or for SQLite's (SQLITE_FULL, https://sqlite.org/rescode.html). */
function isNoSpace(error: Error & { readonly code?: string; readonly errcode?: number }): boolean {
  if (error.code === "ERR_SQLITE_ERROR") return ((error.errcode ?? 0) & 0xff) === 13;
  return error.code === "ENOSPC" || error.code === "EDQUOT";
}
