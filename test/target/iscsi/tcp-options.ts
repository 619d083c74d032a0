/** What the kernel is told of sockets, asked of it again. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import test, { type ExecutionContext } from "ava";
import { setTcpUserTimeout, spareLocalPacing } from "node-iscsi-target/iscsi/tcp-options.ts";
import { libc } from "node-iscsi-target/storage/syscalls/libc.ts";

const TCP_CONGESTION = 13;
const TCP_USER_TIMEOUT = 18;

test("the kernel is told how long data may stay unacknowledged", async (t) => {
  const socket = await connected(t, "127.0.0.1");
  t.is(optionOf(socket, TCP_USER_TIMEOUT).readUInt32LE(), 0);
  setTcpUserTimeout(socket, 12_345);
  t.is(optionOf(socket, TCP_USER_TIMEOUT).readUInt32LE(), 12_345);
  socket.destroy();
  t.notThrows(() => setTcpUserTimeout(socket, 1), "a connection that has gone needs none");
});

test("only a connection that stays on this machine is spared the system's congestion control", async (t) => {
  const chosen = readFileSync("/proc/sys/net/ipv4/tcp_congestion_control", "latin1").trim();
  const other = await connected(t, "127.0.0.2");
  spareLocalPacing(other);
  t.is(congestionControlOf(other), chosen);
  const local = await connected(t, "127.0.0.1");
  t.is(congestionControlOf(local), chosen);
  spareLocalPacing(local);
  t.is(congestionControlOf(local), "reno");
});

/** To 127.0.0.1, from an address of this machine: another one stands for another machine. */
async function connected(t: ExecutionContext, localAddress: string): Promise<Socket> {
  const server = createServer().listen(0, "127.0.0.1");
  t.teardown(() => server.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const socket = connect({ port, host: "127.0.0.1", localAddress });
  t.teardown(() => socket.destroy());
  await once(socket, "connect");
  return socket;
}

function congestionControlOf(socket: Socket): string {
  return optionOf(socket, TCP_CONGESTION).toString("latin1").replace(/\0.*$/s, "");
}

function optionOf(socket: Socket, name: number): Buffer {
  const getsockopt = libc.func("int getsockopt(int fd, int level, int name, void *value, void *length)");
  const { fd } = (socket as unknown as { _handle: { fd: number } })._handle;
  const value = Buffer.alloc(16);
  const length = Buffer.from([16, 0, 0, 0]);
  if (getsockopt(fd, 6, name, value, length) !== 0) throw new Error("getsockopt failed");
  return value;
}
