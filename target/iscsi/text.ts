/** Text format (RFC 7143 6.1): key=value pairs, each ended by a zero byte. */
import { ProtocolError } from "./protocol-error.ts";

export type Pair = readonly [key: string, value: string];

/** A standard-label, with the small letter of iSCSIProtocolLevel and the # of RFC 3720's extension keys. */
const KEY = /^[A-Za-z][A-Za-z0-9.\-+@_#]{0,62}$/;
const MAX_PAIRS = 128;

/** @throws ProtocolError where it is not text format, or has more pairs than any login needs. */
export function parseText(bytes: Buffer): Pair[] {
  const pairs: Pair[] = [];
  for (const item of bytes.toString("utf8").split("\0")) {
    if (item === "") continue;
    const at = item.indexOf("=");
    const key = item.slice(0, at);
    if (at < 0 || !KEY.test(key)) throw new ProtocolError("text-format", "text is not key=value");
    pairs.push([key, item.slice(at + 1)]);
    if (pairs.length > MAX_PAIRS) throw new ProtocolError("text-format", `more than ${MAX_PAIRS} keys in one text`);
  }
  return pairs;
}

export function formatText(pairs: readonly Pair[]): Buffer {
  return Buffer.from(pairs.map(([key, value]) => `${key}=${value}\0`).join(""), "utf8");
}
