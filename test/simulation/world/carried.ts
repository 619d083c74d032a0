/** What connections carry, as it is on the wire. */
import { decodeFrame } from "node-iscsi-target/mapping/frame.ts";
import type { ToAgent } from "node-iscsi-target/mapping/protocol.ts";
import type { SimProcess } from "./sim-agent.ts";

export type Carried = string | Buffer;

/** What goes down, as the process hears it. */
export function heard(message: Carried): Parameters<SimProcess["core"]["receive"]>[0] {
  return typeof message === "string" ? (JSON.parse(message) as ToAgent) : decodeFrame(message);
}

export function described(message: Carried): string {
  return typeof message === "string"
    ? message
    : `${message.toString("utf8", 4, 4 + message.readUInt32LE(0))} + ${message.length} bytes`;
}
