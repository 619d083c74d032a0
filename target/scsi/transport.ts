/**
 * What a SCSI transport and the device server say to each other (SAM-5 5.4, the Execute Command
 * procedure call and its transport protocol services). iSCSI is the first transport; nothing here
 * names it.
 */
import type { Initiation } from "../storage/block-device.ts";

/** SAM-5 5.3.1. */
export const Status = {
  GOOD: 0x00,
  CHECK_CONDITION: 0x02,
  CONDITION_MET: 0x04,
  BUSY: 0x08,
  RESERVATION_CONFLICT: 0x18,
  TASK_SET_FULL: 0x28,
  ACA_ACTIVE: 0x30,
  TASK_ABORTED: 0x40,
} as const;
export type Status = (typeof Status)[keyof typeof Status];

/** SAM-5 8.6, with the numbers of RFC 7143 11.3.1, which SPC shares. */
export const TaskAttribute = { UNTAGGED: 0, SIMPLE: 1, ORDERED: 2, HEAD_OF_QUEUE: 3, ACA: 4 } as const;
export type TaskAttribute = (typeof TaskAttribute)[keyof typeof TaskAttribute];

/** One initiator port as one target port sees it (SAM-5 4.8.4, I_T nexus). Created by the transport at login, ended by it. */
export interface Nexus {
  /** Unique while it lives, across the target. */
  readonly id: string;
  /** SCSI initiator port name, for iSCSI "iqn…,i,0x<ISID>" (RFC 7143 4.4.2). */
  readonly initiatorPort: string;
  /** SCSI initiator device name: what access rules go by. */
  readonly initiatorName: string;
  readonly targetPort: TargetPort;
}

/** SAM-5 4.8.3 and SPC-4 7.8.6. */
export interface TargetPort {
  /** For iSCSI "iqn…,t,0x<TPGT>". */
  readonly name: string;
  readonly targetName: string;
  /** 1 to 65535, unique in the SCSI target device. */
  readonly relativePortId: number;
  /** Target port group for ALUA (SPC-4 5.15). */
  readonly portGroup: number;
  /** PROTOCOL IDENTIFIER of the transport (SPC-4 7.6.1); VPD page 83h leaves it out where it is absent. */
  readonly protocolIdentifier?: number;
  /** VERSION DESCRIPTOR of the transport's standard (SPC-4 6.4.2), for standard INQUIRY data. */
  readonly versionDescriptor?: number;
}

/**
 * One command on its way through the device server. The transport makes it, the server fills in
 * the outcome. It is also the `Initiation` that devices see, so that aborting is one flag.
 */
export interface ScsiTask extends Initiation {
  readonly nexus: Nexus;
  /** The eight bytes of the LUN as they stood on the wire, as a number (SAM-5 4.7.3), or a bigint where a number cannot hold them exactly; see scsi/lun.ts. */
  readonly lun: bigint | number;
  readonly cdb: Uint8Array;
  readonly attribute: TaskAttribute;
  /** Bytes that the initiator has ready to send and room to receive; the transport's EDTL. */
  readonly expectedOutBytes: number;
  readonly expectedInBytes: number;
  /** All of its write data came with it, so that it is executed in the turn that admits it. */
  readonly isWhole?: boolean;
  /**
   * Memory of the transport for the data that this command reads, so that it leaves without a copy:
   * at most once for each task. Its content is not cleared; what is not filled must not be answered
   * with. Absent, or undefined where the transport has none of that size.
   */
  readBuffer?(bytes: number): Uint8Array | undefined;
  /** The device server's own, from `admit` to the end of the task. The transport makes it `undefined` (so that the object keeps its shape) and never looks at it. */
  record?: object | undefined;
}

/** What the device server wants before it can execute: how many bytes of Data-Out, at most `expectedOutBytes` of them will come. */
export interface Accepted {
  readonly kind: "accepted";
  readonly dataOutBytes: number;
}

/**
 * The end of a command.
 *
 * `dataIn` is what to send, cut by the transport to `expectedInBytes`; `dataInBytes` and
 * `dataOutBytes` are what the command itself would have moved, from which the transport computes
 * residuals (RFC 7143 11.4.5). They are absent on commands that end before moving data.
 */
export interface ScsiResult {
  readonly kind: "done";
  readonly status: Status;
  readonly sense?: Uint8Array;
  readonly dataIn?: Uint8Array;
  readonly dataInBytes?: number;
  readonly dataOutBytes?: number;
}

/**
 * A task ended by task management before it had a result. The transport sends nothing for it,
 * except TASK ABORTED status to another nexus where the Control mode page has TAS = 1 (SAM-5 5.6).
 */
export interface Aborted {
  readonly kind: "aborted";
  readonly reportStatus: boolean;
}

/** How one execution ends. */
export type Execution = ScsiResult | Aborted;

/**
 * The device server of one target, as the transport calls it (SAM-5 5.4.2).
 *
 * `admit` decodes and checks the CDB, unit attentions, access and reservations that may be
 * judged before data; where it answers `accepted`, the transport gathers the data (bounded by
 * `dataOutBytes`) and calls `execute` once, with all of it; where `dataOutBytes` is 0, in the same
 * turn. A task between the two, or executing, is in its unit's task set and may be ended by task
 * management: `execute` of a task that was ended before its data was there answers with that end.
 * `execute` answers in the same call where the device does: the fast path of READ and WRITE makes
 * no promise. Its promises never reject.
 */
export interface DeviceServer {
  admit(task: ScsiTask): Accepted | ScsiResult;
  execute(task: ScsiTask, dataOut: readonly Uint8Array[]): Execution | Promise<Execution>;
  /** The transport gives up a task that was admitted and will never be executed (its data stopped coming, its session ended). Harmless on a task that has ended. */
  abandon(task: ScsiTask): void;

  /** Task management (SAM-5 clause 7): resolved when the tasks concerned have ended and hold nothing any more. */
  abortTask(task: ScsiTask): Promise<void>;
  abortTaskSet(nexus: Nexus, lun: bigint | number): Promise<TaskManagementResult>;
  clearTaskSet(nexus: Nexus, lun: bigint | number): Promise<TaskManagementResult>;
  logicalUnitReset(nexus: Nexus, lun: bigint | number): Promise<TaskManagementResult>;
  targetReset(nexus: Nexus): Promise<TaskManagementResult>;

  /** A nexus begins (power-on unit attention, SAM-5 6.2) and ends (its tasks are aborted and waited for). */
  nexusBegins(nexus: Nexus): void;
  nexusEnds(nexus: Nexus): Promise<void>;

  /** What a nexus sees has changed: it is told by unit attention, and its tasks on units that it no longer sees are aborted, and waited for. Absent where that never happens. */
  inventoryChanged?(nexus: Nexus): Promise<void>;
}

export type TaskManagementResult = "complete" | "no-such-lun";
