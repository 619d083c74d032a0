/** Logical units over tables, hosts with their LUN masks, and faults on demand. */
import type { AgentRule } from "../../injection/agent-rule.ts";
import type { Envelope, Numbered } from "./session.ts";
import type { UnitState } from "./units.ts";

/** A logical unit over a table; of one that is there already, its state counts where it is newer. */
export interface PublishUnit extends Numbered {
  readonly type: "publish_unit";
  readonly unit: PublishedUnit;
  readonly state: UnitState;
}
export interface PublishedUnit {
  readonly id: string;
  readonly table: string;
  /** The disk's name, for people (logs, counters). */
  readonly name: string;
  /** NAA designator, 32 hex digits (NAA 6h), the same on every agent. */
  readonly naa: string;
  readonly serial: string;
  readonly readOnly: boolean;
  /** It shows these segments of the table, and no others (seed A3); absent: all of them. */
  readonly view?: View;
}
/** A further table of a disk: what its hosts see, in this order. No segment is in it twice. */
export interface View {
  readonly ranges: readonly SegmentRange[];
  /** Capacity in bytes: all of the ranges, the last segment perhaps in part. */
  readonly sizeBytes: number;
}
export type SegmentRange = readonly [first: number, count: number];
export interface UnpublishUnit extends Numbered {
  readonly type: "unpublish_unit";
  readonly unit: string;
}
/** An initiator that may log in, and what it sees: LUN masking. Replaces what was said of it before. */
export interface PublishHost extends Numbered {
  readonly type: "publish_host";
  readonly initiator: string;
  readonly luns: readonly { readonly lun: number; readonly unit: string }[];
  /** All agents that it sees: when they change, it is told that there is something to look for. */
  readonly agents: readonly string[];
  /** What this host is told in SendTargets, where it differs from the portal's own (a guest on user networking). */
  readonly advertise?: { readonly host: string; readonly port?: number };
}
/** Its sessions are ended; acknowledged when their tasks hold nothing. */
export interface UnpublishHost extends Numbered {
  readonly type: "unpublish_host";
  readonly initiator: string;
}

/** What every initiator must prove by CHAP (RFC 7143 12.1) from now on; null: nothing. The agent reads the secret, a file's first line, itself. */
export interface SetChap extends Numbered {
  readonly type: "set_chap";
  readonly chap: { readonly user: string; readonly secretFile: string } | null;
}

/** Faults on demand (docs/faults.md): these from now on, and no others. */
/** Agent → controller: blocks that a fault on demand had made bad were written anew. Every agent learns it by its faults. */
export interface Repaired extends Envelope {
  readonly type: "repaired";
  readonly fault: string;
  readonly first: number;
  readonly last: number;
}

export interface SetInjections extends Numbered {
  readonly type: "set_injections";
  readonly rules: readonly AgentRule[];
}
