/** The agents' end of the controller: one WebSocket each at /v1/agent, on the API's port, and on the port for other machines. */
import type { IncomingMessage, Server } from "node:http";
import type { ToController } from "node-iscsi-target/mapping/protocol.ts";
import { type WebSocket, WebSocketServer } from "ws";
import type { AgentSession, Connection } from "../agents/agent-session.ts";
import type { ControllerCore } from "../core.ts";
import { actionsOf } from "../injection/actions.ts";
import { agentOfToken } from "../remote/join.ts";
import { isDoorsHost } from "../remote/names.ts";
import { isAuthorized, isLocal } from "./http.ts";

const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/** Who may speak: an agent of this name, from wherever; "any": of this machine. Undefined: nobody. */
type Speaker = { readonly agent: string } | "any" | undefined;

export function serveAgents(server: Server, core: ControllerCore, token: string): WebSocketServer {
  return serveUpgrades(server, core, ({ headers }) =>
    isLocal(headers.host, headers.origin) && isAuthorized(headers.authorization, token) ? "any" : undefined,
  );
}

/** No browser is let in there, and each agent by its own token only. */
export function serveRemoteAgents(server: Server, core: ControllerCore): void {
  const sockets = serveUpgrades(server, core, ({ headers }) => {
    if (!isDoorsHost(core, headers.host) || headers.origin !== undefined) return undefined;
    const agent = agentOfToken(core, headers.authorization?.replace(/^Bearer /, "") ?? "");
    return agent === undefined ? undefined : { agent };
  });
  server.on("shut", () => {
    for (const socket of sockets.clients) socket.terminate();
  });
}

function serveUpgrades(
  server: Server,
  core: ControllerCore,
  speakerOf: (request: IncomingMessage) => Speaker,
): WebSocketServer {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES });
  server.on("upgrade", (request, socket, head) => {
    const speaker = request.url === "/v1/agent" ? speakerOf(request) : undefined;
    if (speaker !== undefined)
      sockets.handleUpgrade(request, socket, head, (webSocket) => serve(webSocket, core, speaker));
    else {
      // Nobody else listens any more: a stranger who hangs up must not end the controller.
      socket.on("error", () => socket.destroy());
      socket.end("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n");
    }
  });
  return sockets;
}

function serve(socket: WebSocket, core: ControllerCore, speaker: "any" | { readonly agent: string }): void {
  let session: AgentSession | undefined;
  let name = "";
  const connection: Connection = {
    send: (message) => socket.send(Buffer.isBuffer(message) ? message : JSON.stringify(message)),
    close: () => socket.terminate(),
    isFromElsewhere: speaker !== "any",
    attached: (attached) => {
      session = attached;
      // It was lost while its hello was answered.
      if (socket.readyState !== socket.OPEN) attached.detach(connection);
    },
  };
  socket.on("message", (data: Buffer) => {
    const message = parsed(data);
    if (message === undefined) return socket.terminate();
    if (message.type !== "hello") {
      if (session !== undefined) core.receive(name, session, message);
      return;
    }
    name = message.agent;
    if (speaker !== "any" && name !== speaker.agent) return socket.terminate();
    if (!actionsOf(core).mayConnect(name, () => socket.terminate())) return socket.terminate();
    core.hello(connection, message).catch((error: unknown) => core.bug(error));
  });
  socket.on("error", () => socket.terminate());
  socket.on("close", () => session?.detach(connection));
}

/** Undefined where it is no message. */
function parsed(data: Buffer): ToController | undefined {
  try {
    const message = JSON.parse(data.toString()) as ToController | null;
    return typeof message === "object" && message !== null ? message : undefined;
  } catch {
    return undefined;
  }
}
