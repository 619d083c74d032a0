/**
 * The messages between agent (110) and controller (120): `spec.md`, Messages.
 *
 * JSON objects with a `type`; a chunk of a table is one binary frame (see `ChunkFrame`). The
 * transport (a WebSocket) loses, repeats and reorders nothing while a connection lives, but
 * connections end at any time, so every rule here holds under loss and repetition.
 *
 * Identity. Every message carries `cluster`, and, after `hello`, `incarnation` (of the agent's
 * process, given by the controller, durable before anything is granted to it) and `epoch` (of
 * the controller's process, durable before it speaks). A receiver drops a message in which any
 * of them is not the current one.
 *
 * Order. The controller's numbered messages (`Numbered`) carry `seq`: 1, 2, 3… within incarnation
 * and epoch. The agent applies them in order, once each, and acknowledges each by its number when
 * its effect is complete (a blocking `set_entry`: when every I/O that held a reference under the old
 * entries has ended; later messages are applied meanwhile). After a reconnection within one epoch
 * the controller repeats what was not acknowledged; the agent acknowledges repeats again.
 *
 * A new epoch. An agent that outlived the controller keeps serving from its tables. The new
 * controller answers its hello with `welcome` (numbers begin at 1), then `keep`, then repeats
 * its creations and publications (they change nothing where nothing changed), and sets every
 * entry of every table to Inv with the blocking flag; only when that is acknowledged, or the
 * agent is fenced, does it act on a table which the agent had.
 */

import type { AgentRule } from "../injection/agent-rule.ts";

export type { AgentCounters, TableCounters } from "./counters.ts";

export const PROTOCOL_VERSION = 1;

export interface Envelope {
  readonly cluster: string;
  readonly incarnation: number;
  readonly epoch: number;
}

/** Agent → controller, first on every connection. `incarnation` and `epoch` are 0 in a fresh process. */
export interface Hello {
  readonly type: "hello";
  readonly protocol: number;
  readonly agent: string;
  /** Of the lab; absent in a fresh process. */
  readonly cluster?: string;
  readonly incarnation: number;
  readonly epoch: number;
  /** The highest `seq` applied under that epoch. */
  readonly applied: number;
  readonly process: AgentProcess;
}

/** How an agent on the controller's machine can be fenced by kill: it is dead when `lockFile` can be locked (flock). */
export interface AgentProcess {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat, in clock ticks: tells a pid from its reuse. */
  readonly startTime: number;
  readonly lockFile: string;
}

/** Controller → agent: the answer to hello. Not numbered. */
export interface Welcome extends Envelope {
  readonly type: "welcome";
  readonly targetName: string;
  readonly relativePortId: number;
  readonly portGroup: number;
  readonly portal: PortalSetting;
}

/** Where to listen. `port` 0: any free one; `sticky` is the port that was bound last, to be taken again where it is free, since hosts know it. */
export interface PortalSetting {
  readonly host: string;
  readonly port: number;
  readonly sticky?: number;
  /** What hosts are told in SendTargets instead of the address listened on. */
  readonly advertise?: { readonly host: string; readonly port?: number };
}

/** Controller → agent: this hello is not accepted; `reason` is a sentence for people. `fatal`: the process is to end (its incarnation was fenced, its name is unknown). */
export interface Refused {
  readonly type: "refused";
  readonly reason: string;
  readonly fatal: boolean;
}

/** Agent → controller: the portal is bound (or why it is not). */
export interface Listening extends Envelope {
  readonly type: "listening";
  readonly host: string;
  readonly port: number;
  readonly error?: string;
}

// --- Numbered, controller → agent ------------------------------------------------------------

export interface Numbered extends Envelope {
  readonly seq: number;
}

/** Everything not listed is dropped, as by the delete and unpublish messages. First after `welcome` under a new epoch or to a fresh process. */
export interface Keep extends Numbered {
  readonly type: "keep";
  readonly devices: readonly number[];
  readonly tables: readonly string[];
  readonly units: readonly string[];
  readonly initiators: readonly string[];
}

/** A storage device to open. `device` is its number in entries, never reused in a cluster; segment 0 holds the label, whose UUID the agent checks. */
export interface AddDevice extends Numbered {
  readonly type: "add_device";
  readonly device: number;
  readonly uuid: string;
  readonly path: string;
  readonly segmentBytes: number;
  /** Devices of one pool are synced together (`spec.md`, rule 7). */
  readonly pool: string;
}
export interface RemoveDevice extends Numbered {
  readonly type: "remove_device";
  readonly device: number;
}

/** A table, all Inv at the agent. Table ids are never reused. */
export interface CreateTable extends Numbered {
  readonly type: "create_table";
  readonly table: string;
  readonly segmentBytes: number;
  readonly blockBytes: number;
  /** Capacity in bytes; the last segment may be used in part. */
  readonly sizeBytes: number;
  readonly thin: boolean;
  /** Its segments lie on the devices of this pool. */
  readonly pool: string;
}
/** The capacity changed; new segments begin as Inv, those past the end are gone (acknowledged after their drain). */
export interface ResizeTable extends Numbered {
  readonly type: "resize_table";
  readonly table: string;
  readonly sizeBytes: number;
}
/** Acknowledged when every reference has ended. */
export interface DeleteTable extends Numbered {
  readonly type: "delete_table";
  readonly table: string;
}

/** A run of entries: `count` entries of equal states; locations ascend from `location` where there is one. */
export interface EntryRun {
  readonly count: number;
  readonly states: number;
  readonly device?: number;
  readonly segment?: number;
  readonly sense?: readonly [senseKey: number, asc: number, ascq: number];
}
export interface SetEntry extends Numbered {
  readonly type: "set_entry";
  readonly table: string;
  readonly first: number;
  readonly runs: readonly EntryRun[];
  /** The blocking flag (280). */
  readonly blocking: boolean;
  /** The table's generation as of these contents: it grows with every change of the table. */
  readonly generation: number;
}
/**
 * Whole chunk of a table, as a binary frame: uint32 LE length of the JSON header, the header
 * (this object), then CHUNK_BYTES of entries. Acts as a `set_entry` without blocking, but only
 * on entries that are Inv at the agent.
 */
export interface ChunkFrame extends Numbered {
  readonly type: "chunk";
  readonly table: string;
  readonly chunk: number;
  readonly generation: number;
}

/** The end of a fault: the held I/O looks at its entries again, or fails with the report. */
export interface FaultResponse extends Numbered {
  readonly type: "fault_response";
  readonly table: string;
  readonly fault: number;
  readonly outcome: "retry" | { readonly senseKey: number; readonly asc: number; readonly ascq: number };
}
/** The end of an unmap: done; or stale (the entries changed since the generation it named: look again). */
export interface UnmapResponse extends Numbered {
  readonly type: "unmap_response";
  readonly table: string;
  readonly request: number;
  readonly outcome: "done" | "stale" | { readonly senseKey: number; readonly asc: number; readonly ascq: number };
}

/** A logical unit over a table. */
export interface PublishUnit extends Numbered {
  readonly type: "publish_unit";
  readonly unit: PublishedUnit;
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
}
export interface UnpublishUnit extends Numbered {
  readonly type: "unpublish_unit";
  readonly unit: string;
}
/** An initiator that may log in, and what it sees: LUN masking. Replaces what was said of it before. */
export interface PublishHost extends Numbered {
  readonly type: "publish_host";
  readonly initiator: string;
  readonly luns: readonly { readonly lun: number; readonly unit: string }[];
  /** What this host is told in SendTargets, where it differs from the portal's own (a guest on user networking). */
  readonly advertise?: { readonly host: string; readonly port?: number };
}
/** Its sessions are ended; acknowledged when their tasks hold nothing. */
export interface UnpublishHost extends Numbered {
  readonly type: "unpublish_host";
  readonly initiator: string;
}

/** Faults on demand (docs/faults.md): these from now on, and no others. */
export interface SetInjections extends Numbered {
  readonly type: "set_injections";
  readonly rules: readonly AgentRule[];
}

// --- Questions, controller → agent: not numbered, answered with `answer` -----------------------

export interface Question extends Envelope {
  readonly type: "question";
  readonly request: number;
  readonly ask:
    | { readonly what: "entries"; readonly table: string; readonly first: number; readonly count: number } // get_entry
    | { readonly what: "counters" }
    | { readonly what: "sessions" };
}
export interface Answer extends Envelope {
  readonly type: "answer";
  readonly request: number;
  readonly result: unknown;
}

// --- Agent → controller ------------------------------------------------------------------------

export interface Ack extends Envelope {
  readonly type: "ack";
  readonly seq: number;
  /** A sentence, where the message could not be carried out (a device that cannot be opened). */
  readonly error?: string;
}

/** An I/O needs entries that the agent's copy does not give it. Repeated after a reconnection until it is answered. */
export interface Fault extends Envelope {
  readonly type: "fault";
  readonly fault: number;
  readonly table: string;
  readonly generation: number;
  readonly first: number;
  readonly count: number;
  readonly access: "read" | "write";
}

/** Whole segments to give back. `generation`: the newest that the agent applied to the chunk that holds them; void if any entry changed since. Never crosses a chunk. */
export interface Unmap extends Envelope {
  readonly type: "unmap";
  readonly request: number;
  readonly table: string;
  readonly generation: number;
  readonly first: number;
  readonly count: number;
}

export type NumberedMessage =
  | Keep
  | AddDevice
  | RemoveDevice
  | CreateTable
  | ResizeTable
  | DeleteTable
  | SetEntry
  | ChunkFrame
  | FaultResponse
  | UnmapResponse
  | PublishUnit
  | UnpublishUnit
  | PublishHost
  | UnpublishHost
  | SetInjections;
export type ToAgent = Welcome | Refused | Question | NumberedMessage;
export type ToController = Hello | Listening | Ack | Fault | Unmap | Answer;
