/** TCP_USER_TIMEOUT (RFC 5482): how long data may stay unacknowledged before the connection counts as dead. Node has no call for it. */
import type { Socket } from "node:net";
import { libc } from "../storage/syscalls/libc.ts";

/** Linux, include/uapi/linux/tcp.h and in.h. */
const IPPROTO_TCP = 6;
const TCP_USER_TIMEOUT = 18;
const VALUE_BYTES = 4;

const setsockopt = libc.func("int setsockopt(int fd, int level, int name, const void *value, uint32_t length)");

/** Sets it where the socket has a descriptor of its own; a connection that has just gone has none, and needs none. */
export function setTcpUserTimeout(socket: Socket, timeoutMs: number): void {
  const { fd = -1 } = (socket as unknown as { _handle?: { fd?: number } | null })._handle ?? {};
  if (fd < 0) return;
  const value = Buffer.alloc(VALUE_BYTES);
  value.writeUInt32LE(timeoutMs);
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, value, VALUE_BYTES);
}
