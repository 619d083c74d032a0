import { readdir, readFile, readlink } from "node:fs/promises";
import { errorCode } from "../errors.ts";

/** State LISTEN of the kernel's table (proc(5), /proc/net/tcp; include/net/tcp_states.h). */
const LISTEN = "0A";

/**
 * The TCP ports at which a process listens, whatever the address. Who else listens at a port is no sign of it, so this
 * asks the kernel for the process's own sockets instead of connecting. Empty for a process that has gone.
 */
export async function listeningPorts(pid: number): Promise<Set<number>> {
  const [own, tcp, tcp6] = await Promise.all([socketsOf(pid), table(pid, "tcp"), table(pid, "tcp6")]);
  const listening = [...tcp, ...tcp6].filter(({ state, inode }) => state === LISTEN && own.has(inode));
  return new Set(listening.map(({ port }) => port));
}

/** Inode numbers of the sockets that the process has open. */
async function socketsOf(pid: number): Promise<Set<string>> {
  const names = await unlessGone(readdir(`/proc/${pid}/fd`), []);
  const links = await Promise.all(names.map((name) => unlessGone(readlink(`/proc/${pid}/fd/${name}`), "")));
  return new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
}

interface Row {
  readonly port: number;
  readonly state: string;
  readonly inode: string;
}

/** The sockets of the process's network namespace: "sl local_address rem_address st … inode", numbers in hexadecimal. */
async function table(pid: number, protocol: "tcp" | "tcp6"): Promise<Row[]> {
  const text = await unlessGone(readFile(`/proc/${pid}/net/${protocol}`, "latin1"), "");
  const lines = text.split("\n").slice(1);
  return lines.map((line) => {
    const [, local = "", , state = "", , , , , , inode = ""] = line.trim().split(/\s+/);
    return { port: Number.parseInt(local.split(":")[1] ?? "", 16), state, inode };
  });
}

/** A process may end while it is looked at. */
async function unlessGone<Value>(looking: Promise<Value>, otherwise: Value): Promise<Value> {
  try {
    return await looking;
  } catch (error) {
    if (["ENOENT", "ESRCH", "EINVAL"].includes(errorCode(error))) return otherwise;
    throw error;
  }
}
