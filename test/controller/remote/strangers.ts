/** Strangers, and mistakes, at the controller's doors: they end nothing but their own connection. */
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { credentials } from "@sanlab/controller/remote/tls.ts";
import { serveAgents } from "@sanlab/controller/server/agent-channel.ts";
import test, { type ExecutionContext } from "ava";
import { WebSocket } from "ws";
import { MappingLab } from "../../helpers/mapping-lab.ts";
import { MemoryStore } from "../../helpers/memory-store.ts";

async function serve(t: ExecutionContext) {
  const lab = await MappingLab.start({ store: new MemoryStore() });
  const server = createServer();
  const sockets = serveAgents(server, lab.core, "secret");
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => {
    for (const socket of sockets.clients) socket.terminate();
    server.close();
    lab.close();
  });
  return { lab, server, port: (server.address() as AddressInfo).port };
}

test("a stranger who hangs up while it is refused ends nothing", async (t) => {
  const { server, port } = await serve(t);
  const refused = once(server, "upgrade") as Promise<[unknown, Socket]>;
  const client = connect(port, "127.0.0.1");
  t.teardown(() => client.destroy());
  client.on("error", () => undefined);
  client.write(
    `GET /v1/agent HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
  );
  const [, socket] = await refused;
  t.notThrows(() => socket.emit("error", new Error("read ECONNRESET")));
  t.true(socket.destroyed);
});

test("an agent's connection that carries no message ends, and the next is served", async (t) => {
  const { lab, port } = await serve(t);
  for (const text of ["{", "null", "7"]) {
    const client = new WebSocket(`ws://127.0.0.1:${port}/v1/agent`, { headers: { authorization: "Bearer secret" } });
    client.on("error", () => undefined);
    await once(client, "open");
    client.send(text);
    await once(client, "close");
  }
  t.deepEqual(lab.bugs, []);
});

test("a certificate that could not be made leaves no key beside a certificate of another", (t) => {
  const state = mkdtempSync(join(tmpdir(), "sanlab-tls-"));
  t.teardown(() => rmSync(state, { recursive: true }));
  credentials(state, "lab", ["127.0.0.1"]);
  // Where the certificate cannot be written, the new key has been.
  const half = join(state, "tls", "server.crt.new");
  mkdirSync(half);
  t.throws(() => credentials(state, "lab", ["127.0.0.1", "other.example"]));
  rmdirSync(half);
  const { key, cert } = credentials(state, "lab", ["127.0.0.1"]);
  t.notThrows(() => createSecureContext({ key, cert }));
});
