/** The agents' end of the controller: one WebSocket each at /v1/agent, on the API's port. */
import type { Server } from "node:http";
import type { ToController } from "node-iscsi-target/mapping/protocol.ts";
import { type WebSocket, WebSocketServer } from "ws";
import type { AgentSession, Connection } from "../agents/agent-session.ts";
import type { ControllerCore } from "../core.ts";
import { actionsOf } from "../injection/actions.ts";
import { isAuthorized, isLocal } from "./http.ts";

const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

export function serveAgents(server: Server, core: ControllerCore, token: string): WebSocketServer {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES });
  server.on("upgrade", (request, socket, head) => {
    const allowed =
      request.url === "/v1/agent" &&
      isLocal(request.headers.host, request.headers.origin) &&
      isAuthorized(request.headers.authorization, token);
    if (allowed) sockets.handleUpgrade(request, socket, head, (webSocket) => serve(webSocket, core));
    else socket.end("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n");
  });
  return sockets;
}

function serve(socket: WebSocket, core: ControllerCore): void {
  let session: AgentSession | undefined;
  let name = "";
  const connection: Connection = {
    send: (message) => socket.send(Buffer.isBuffer(message) ? message : JSON.stringify(message)),
    close: () => socket.terminate(),
    attached: (attached) => {
      session = attached;
      // It was lost while its hello was answered.
      if (socket.readyState !== socket.OPEN) attached.detach(connection);
    },
  };
  socket.on("message", (data: Buffer) => {
    const message = JSON.parse(data.toString()) as ToController;
    if (message.type !== "hello") {
      if (session !== undefined) core.receive(name, session, message);
      return;
    }
    name = message.agent;
    if (!actionsOf(core).mayConnect(name, () => socket.terminate())) return socket.terminate();
    core.hello(connection, message).catch((error: unknown) => core.bug(error));
  });
  socket.on("error", () => socket.terminate());
  socket.on("close", () => session?.detach(connection));
}
