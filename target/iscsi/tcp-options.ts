/** Options of a TCP socket that Node has no call for. */
import type { Socket } from "node:net";
import { libc } from "../storage/syscalls/libc.ts";

/** Linux, include/uapi/linux/tcp.h and in.h. */
const IPPROTO_TCP = 6;
const TCP_CONGESTION = 13;
const TCP_USER_TIMEOUT = 18;
const VALUE_BYTES = 4;

const setsockopt = libc.func("int setsockopt(int fd, int level, int name, const void *value, uint32_t length)");

/** TCP_USER_TIMEOUT (RFC 5482): how long data may stay unacknowledged before the connection counts as dead. */
export function setTcpUserTimeout(socket: Socket, timeoutMs: number): void {
  const value = Buffer.alloc(VALUE_BYTES);
  value.writeUInt32LE(timeoutMs);
  set(socket, TCP_USER_TIMEOUT, value);
}

/**
 * A connection within this machine has no path whose capacity must not be exceeded, but where the
 * system's congestion control is one that paces (BBR), a timer goes off for every few packets: reads of 256 KiB
 * took 134 µs of the agent's processor time each instead of 92 (`docs/performance.md`). Reno is in every kernel and does
 * not pace. Connections that leave the machine have what the administrator chose.
 */
export function spareLocalPacing(socket: Socket): void {
  const { remoteAddress, localAddress } = socket;
  if (remoteAddress !== undefined && remoteAddress === localAddress) set(socket, TCP_CONGESTION, Buffer.from("reno"));
}

/** Where the socket has a descriptor of its own; a connection that has just gone has none, and needs none. */
function set(socket: Socket, name: number, value: Buffer): void {
  const { fd = -1 } = (socket as unknown as { _handle?: { fd?: number } | null })._handle ?? {};
  if (fd >= 0) setsockopt(fd, IPPROTO_TCP, name, value, value.length);
}
