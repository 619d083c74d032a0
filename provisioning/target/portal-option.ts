/** The value of --portal: HOST:PORT, an IPv6 host in brackets. */
import { type Portal, UserError } from "node-iscsi-target";

export function parsePortal(text: string): Portal {
  const [, v6, v4, port] = /^(?:\[([0-9a-fA-F:]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = v6 ?? v4;
  if (host === undefined || Number(port) > 65535) {
    throw new UserError(
      "portal",
      `--portal ${text}: expected HOST:PORT with a port from 0 to 65535, such as 127.0.0.1:3260.`,
    );
  }
  return { host, port: Number(port) };
}
