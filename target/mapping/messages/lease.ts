/** Leases of agents that the controller cannot kill (docs/protocol.md, Lost agents), and the ports of agents that are lost. */
import type { Envelope, Numbered } from "./session.ts";

/** Agent → controller: may I go on? Not repeated: the next one takes its place. */
export interface Renew extends Envelope {
  readonly type: "renew";
  /** Another one each time, in an agent's process. */
  readonly nonce: number;
}
/** Controller → agent: yes, for `durationMs` from the moment at which the request of this nonce was sent. Not numbered. */
export interface Lease extends Envelope {
  readonly type: "lease";
  readonly nonce: number;
  readonly durationMs: number;
}
/** Agent → controller, last of all: this incarnation's devices are closed, and it issues no I/O any more. */
export interface Farewell extends Envelope {
  readonly type: "farewell";
}

/** Every target port group of the lab and what it can do (SPC-4 5.15), as REPORT TARGET PORT GROUPS is to tell it. Replaces what was said before. */
export interface SetPortGroups extends Numbered {
  readonly type: "set_port_groups";
  readonly groups: readonly PortGroup[];
}
export interface PortGroup {
  readonly portGroup: number;
  readonly relativePortId: number;
  readonly targetName: string;
  readonly state: "active" | "unavailable";
}
