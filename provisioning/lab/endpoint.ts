import { isIP } from "node:net";

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** "127.0.0.1:3260" or "[::1]:3260"; undefined where the address is no IP address or the port is above 65535. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]]+)):([0-9]{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || digits === undefined || port > 65535) return undefined;
  return isIP(host) === (bracketed === undefined ? 4 : 6) ? { host, port } : undefined;
}

/** What hosts are told: a name or address, and a port where it differs from the bound one. */
export function parseAdvertise(text: string): { host: string; port?: number } | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([A-Za-z0-9.-]+))(?::([0-9]{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(digits ?? 0) > 65535) return undefined;
  return digits === undefined ? { host } : { host, port: Number(digits) };
}

export function formatEndpoint({ host, port }: Endpoint): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}
