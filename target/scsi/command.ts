/**
 * One command between `admit` and its end: the device server's record of a task.
 *
 *     admitted ──execute──▶ running ──▶ ended
 *        │  └──must wait──▶ dormant ──its turn──▶ running
 *        └── abort, abandon: ended       └── abort: ended     running + abort: ended when the device has let go
 *
 * It is also the `Accepted` that the transport gets, so that a READ costs one object here.
 */
import type { Field } from "../wire/layout.ts";
import { AccessState } from "./access-states.ts";
import type { Access, CommandDefinition } from "./commands/definition.ts";
import { Condition } from "./condition.ts";
import { locationOf } from "./fields.ts";
import type { ItlNexus } from "./itl-nexus.ts";
import type { LogicalUnit } from "./logical-unit.ts";
import { type SenseDetail, senseData } from "./sense.ts";
import type { ServerContext } from "./server-context.ts";
import { type Accepted, type Execution, type ScsiResult, type ScsiTask, Status } from "./transport.ts";

/** What of the CDB is wrong where a condition says no more. */
const POINTED_OUT = new Map<Condition, "lba" | "listBytes">([
  [Condition.LBA_OUT_OF_RANGE, "lba"],
  [Condition.PARAMETER_LIST_LENGTH_ERROR, "listBytes"],
]);

export type CommandState = "admitted" | "dormant" | "running" | "ended";

export class Command implements Accepted {
  readonly kind = "accepted";
  /** Set by the definition's `admit`. */
  dataOutBytes = 0;

  readonly task: ScsiTask;
  readonly unit: LogicalUnit;
  readonly itl: ItlNexus;
  readonly definition: CommandDefinition;
  readonly server: ServerContext;

  /** The range that block commands address, checked by `admit`. */
  lba = 0;
  blocks = 0;

  /** No other command on the same blocks is carried out meanwhile (SBC-4 4.30). */
  atomic: boolean;

  state: CommandState = "admitted";
  /** In the unit's task set. */
  enrolled = false;
  /** How the command ends instead of by its own result, once somebody has aborted it. */
  abortedAs: Execution | undefined = undefined;
  /** Of a dormant command: its data, and who waits for its result. */
  held: HeldExecution | undefined = undefined;
  /** Called when the command has ended, by whoever aborted it while it ran. */
  onEnd: (() => void)[] | undefined = undefined;

  constructor(task: ScsiTask, unit: LogicalUnit, itl: ItlNexus, definition: CommandDefinition, server: ServerContext) {
    this.task = task;
    this.unit = unit;
    this.itl = itl;
    this.definition = definition;
    this.atomic = definition.atomic === true;
    this.server = server;
  }

  get cdb(): Uint8Array {
    return this.task.cdb;
  }

  /** GOOD, after all of the data that the command asked for. */
  taken(): ScsiResult {
    return { kind: "done", status: Status.GOOD, dataOutBytes: this.dataOutBytes };
  }

  /** The initiator announced less data than the CDB needs, and a part of it makes no sense. Nothing was done. */
  tooLittleData(): ScsiResult {
    const failure = this.fail(Condition.INVALID_FIELD_IN_COMMAND_INFORMATION_UNIT);
    return { ...failure, dataOutBytes: this.dataOutBytes };
  }

  /** For commands whose data is one thing, of one size: the initiator announced more. */
  tooMuchData(): ScsiResult | undefined {
    if (this.task.expectedOutBytes <= this.dataOutBytes) return undefined;
    return this.fail(Condition.INVALID_FIELD_IN_COMMAND_INFORMATION_UNIT);
  }

  /** Whether a reservation stops it. */
  get conflict(): boolean {
    const { reservations } = this.unit;
    if (reservations === undefined || !reservations.inForce) return false;
    const { conflicts } = this.definition;
    return reservations.conflict(this.itl, typeof conflicts === "function" ? conflicts(this.cdb) : conflicts);
  }

  /** What the state of the medium has against it. */
  get notReady(): ScsiResult | undefined {
    const { unit, definition } = this;
    if (definition.access === "none") return undefined;
    if (unit.accessStates.inForce) {
      const refused = refusalOfPort(unit.accessStates.of(this.task.nexus.targetPort.portGroup), definition.access);
      if (refused) return this.fail(refused);
    }
    const condition = unit.notReady;
    if (condition === undefined) return undefined;
    if (condition === Condition.SANITIZE_COMMAND_FAILED && definition.afterFailedSanitize) return undefined;
    return this.fail(condition, unit.progress);
  }

  /** What its definition says of its CDB; undefined where there is nothing to say against it. */
  check(): ScsiResult | undefined {
    try {
      return this.definition.admit?.(this);
    } catch (bug) {
      return this.fault(bug);
    }
  }

  /** An exception is a bug of ours: it is logged and fails this command, and no other. */
  fault(bug: unknown): ScsiResult {
    const command = this.definition.cdb.name;
    this.server.logger?.error({ err: bug, command }, "A SCSI command failed through a bug.");
    return this.fail(Condition.INTERNAL_TARGET_FAILURE);
  }

  /** CHECK CONDITION, in the sense format that the unit's Control mode page asks for; with a pointer at the field of the CDB that some conditions are about. */
  fail(condition: Condition, detail?: SenseDetail): ScsiResult {
    return checkCondition(condition, this.unit.mode.descriptorSense, detail ?? this.#pointedOut(condition));
  }

  #pointedOut(condition: Condition): SenseDetail | undefined {
    const name = POINTED_OUT.get(condition);
    const field = name && this.definition.cdb[name];
    return field && { pointer: { inCdb: true, ...locationOf(field) } };
  }

  /** INVALID FIELD IN CDB, pointing at the field. */
  invalidField(field: Field): ScsiResult {
    return this.fail(Condition.INVALID_FIELD_IN_CDB, { pointer: { inCdb: true, ...locationOf(field) } });
  }

  /** INVALID FIELD IN PARAMETER LIST, pointing at the first byte of the field. */
  invalidParameter(byte: number): ScsiResult {
    return this.fail(Condition.INVALID_FIELD_IN_PARAMETER_LIST, { pointer: { inCdb: false, byte } });
  }
}

export interface HeldExecution {
  readonly dataOut: readonly Uint8Array[];
  readonly resolve: (execution: Execution | Promise<Execution>) => void;
}

/** SPC-4 5.15.2.4: what a port group in this state does not do. TEST UNIT READY and the like are answered in standby. */
function refusalOfPort(state: AccessState, access: Access): Condition | undefined {
  if (state === AccessState.UNAVAILABLE) return Condition.TARGET_PORT_IN_UNAVAILABLE_STATE;
  if (state === AccessState.STANDBY && access !== "ready") return Condition.TARGET_PORT_IN_STANDBY_STATE;
  return undefined;
}

export function checkCondition(condition: Condition, descriptorFormat: boolean, detail?: SenseDetail): ScsiResult {
  return { kind: "done", status: Status.CHECK_CONDITION, sense: senseData(condition, descriptorFormat, detail) };
}

/** GOOD without data. */
export const GOOD: ScsiResult = Object.freeze({ kind: "done", status: Status.GOOD });

/** SAM-5 5.3.1. */
export const RESERVATION_CONFLICT: ScsiResult = Object.freeze({
  kind: "done",
  status: Status.RESERVATION_CONFLICT,
});

/** GOOD with parameter data, cut to the allocation length of the CDB (SPC-4 4.2.5.6). */
export function goodWith(data: Uint8Array, allocationBytes: number): ScsiResult {
  const dataIn = data.length > allocationBytes ? data.subarray(0, allocationBytes) : data;
  return { kind: "done", status: Status.GOOD, dataIn, dataInBytes: dataIn.length };
}
