/**
 * Segments that one agent has to itself for a moment: COMPARE AND WRITE is atomic against every
 * command on every path (docs/protocol.md, Distributed SCSI semantics).
 *
 * The other agents hold their I/O to the segments, as if the entries were Inv, but keep the
 * entries: there is nothing to fetch again afterwards. An exclusion ends with the epoch in which it
 * was granted; the agent then begins anew, and the others go on holding until every agent of the
 * table is known to be in the new epoch.
 */
import type { Envelope, Numbered } from "./session.ts";

/** Agent → controller: the others are to be kept off. Repeated after a reconnection until it is answered. */
export interface Exclude extends Envelope {
  readonly type: "exclude";
  readonly table: string;
  readonly request: number;
  readonly first: number;
  readonly count: number;
}
/** Controller → agent: every other agent holds. */
export interface Excluded extends Numbered {
  readonly type: "excluded";
  readonly table: string;
  readonly request: number;
}
/** Agent → controller: it is over, or not wanted any more. Repeated after a reconnection until it is answered. */
export interface Readmit extends Envelope {
  readonly type: "readmit";
  readonly table: string;
  readonly request: number;
}
export interface Readmitted extends Numbered {
  readonly type: "readmitted";
  readonly table: string;
  readonly request: number;
}

/**
 * Controller → agent: whether no other agent has the table, so that nobody need be asked. It ends with
 * the epoch, and before another agent uses the table: acknowledged when nothing done without asking is
 * under way.
 */
export interface Alone extends Numbered {
  readonly type: "alone";
  readonly table: string;
  readonly alone: boolean;
}

/** Controller → agent: I/O to the segments waits from now on. Acknowledged when what was under way there has ended. */
export interface Hold extends Numbered {
  readonly type: "hold";
  readonly table: string;
  /** Never used again in the cluster. */
  readonly hold: string;
  readonly first: number;
  readonly count: number;
}
export interface Unhold extends Numbered {
  readonly type: "unhold";
  readonly table: string;
  readonly hold: string;
}
/** Agent → controller: what it holds of an earlier epoch, and waits to be told the end of. */
export interface Holding extends Envelope {
  readonly type: "holding";
  readonly table: string;
  readonly holds: readonly string[];
}
