/**
 * The device server (SAM-5 4.6.4): every command of every nexus comes through `admit` and
 * `execute`. `admit` asks, in this order: is there such a unit, is a unit attention pending, is
 * there such a command, is it stopped by a reservation, is there a medium, is the CDB right, may it write.
 */
import { flag } from "../wire/layout.ts";
import { CONTROL_NACA } from "./cdb.ts";
import { Command, checkCondition, RESERVATION_CONFLICT } from "./command.ts";
import { findCommand, hasServiceActions } from "./commands/table.ts";
import { Condition } from "./condition.ts";
import { RodTokens } from "./copy/rod-tokens.ts";
import type { Injector } from "./injector.ts";
import type { ItlNexus } from "./itl-nexus.ts";
import type { LogicalUnit } from "./logical-unit.ts";
import { lunFromWire } from "./lun.ts";
import { NexusRegistry } from "./nexus-registry.ts";
import type { BugLogger, LunInventory, ServerContext } from "./server-context.ts";
import * as taskManagement from "./task-management.ts";
import {
  type Accepted,
  type DeviceServer,
  type Execution,
  type Nexus,
  type ScsiResult,
  type ScsiTask,
  Status,
  type TargetPort,
  TaskAttribute,
  type TaskManagementResult,
} from "./transport.ts";

export interface DeviceServerOptions {
  readonly inventory: LunInventory;
  /** Where bugs are reported; the host only learns INTERNAL TARGET FAILURE. */
  readonly logger?: BugLogger;
  /** Every port of the target, for REPORT TARGET PORT GROUPS. Absent: the port that was asked. */
  readonly targetPorts?: () => readonly TargetPort[];
  /** Milliseconds that only ever grow, by which ROD tokens expire; by default those of this process. */
  readonly now?: () => number;
  /** Unpredictable bytes for ROD tokens; by default those of node:crypto. */
  readonly random?: (bytes: number) => Buffer;
}

const TASK_SET_FULL: ScsiResult = Object.freeze({ kind: "done", status: Status.TASK_SET_FULL });

export class BlockDeviceServer implements DeviceServer, ServerContext {
  readonly inventory: LunInventory;
  readonly logger: BugLogger | undefined;
  readonly tokens: RodTokens;
  /** Set while faults are to be injected. */
  injector: Injector | undefined = undefined;
  readonly #targetPorts: (() => readonly TargetPort[]) | undefined;
  readonly #nexuses = new NexusRegistry();

  constructor({ inventory, logger, targetPorts, ...clockAndRandom }: DeviceServerOptions) {
    this.inventory = inventory;
    this.logger = logger;
    this.#targetPorts = targetPorts;
    this.tokens = new RodTokens({ inventory, ...clockAndRandom });
  }

  admit(task: ScsiTask): Accepted | ScsiResult {
    const lun = lunFromWire(task.lun);
    const unit = lun === undefined ? undefined : this.inventory.lookup(task.nexus, lun);
    if (unit === undefined) return this.#withoutUnit(task, lun);
    const itl = unit.itlNexus(task.nexus) ?? this.#nexuses.meet(task.nexus, unit);
    const definition = findCommand(task.cdb, unit);
    if (itl.attentions.pending && !definition?.duringAttention) return attention(unit, itl);
    if (definition === undefined) return unknownCommand(task, unit);
    const command = new Command(task, unit, itl, definition, this);
    // SAM-5 5.3.3: before anything else that may be wrong with it.
    if (command.conflict) return RESERVATION_CONFLICT;
    const refused = refusal(command) ?? command.check() ?? protection(command);
    if (refused) return refused;
    if (unit.tasks.full) return TASK_SET_FULL;
    task.record = command;
    unit.tasks.admit(command);
    return command;
  }

  execute(task: ScsiTask, dataOut: readonly Uint8Array[]): Execution | Promise<Execution> {
    const { record } = task;
    if (!(record instanceof Command)) throw new Error("The transport executes a task that was not admitted.");
    return record.unit.tasks.execute(record, dataOut);
  }

  abandon(task: ScsiTask): void {
    if (task.record instanceof Command) task.record.unit.tasks.abandon(task.record);
  }

  targetPorts(nexus: Nexus): readonly TargetPort[] {
    return this.#targetPorts?.() ?? [nexus.targetPort];
  }

  async abortTask(task: ScsiTask): Promise<void> {
    if (task.record instanceof Command) await taskManagement.abortTask(task.record);
  }

  abortTaskSet(nexus: Nexus, lun: bigint | number): Promise<TaskManagementResult> {
    return this.#manage(nexus, lun, taskManagement.abortTaskSet);
  }

  clearTaskSet(nexus: Nexus, lun: bigint | number): Promise<TaskManagementResult> {
    return this.#manage(nexus, lun, taskManagement.clearTaskSet);
  }

  logicalUnitReset(nexus: Nexus, lun: bigint | number): Promise<TaskManagementResult> {
    return this.#manage(nexus, lun, taskManagement.logicalUnitReset);
  }

  /** Of the units that the nexus sees: what it does not see, it cannot disturb. */
  async targetReset(nexus: Nexus): Promise<TaskManagementResult> {
    await Promise.all(this.#visible(nexus).map((unit) => taskManagement.logicalUnitReset(unit, nexus)));
    return "complete";
  }

  nexusBegins(nexus: Nexus): void {
    this.#nexuses.begin(nexus);
  }

  nexusEnds(nexus: Nexus): Promise<void> {
    return this.#nexuses.end(nexus);
  }

  /** What the inventory shows to the nexus has changed: it is told by unit attention, and its tasks on units that it no longer sees are aborted, and waited for. */
  inventoryChanged(nexus: Nexus): Promise<void> {
    return this.#nexuses.inventoryChanged(nexus, this.#visible(nexus));
  }

  #visible(nexus: Nexus): LogicalUnit[] {
    const units = this.inventory.list(nexus).map((lun) => this.inventory.lookup(nexus, lun));
    return [...new Set(units.filter((unit) => unit !== undefined))];
  }

  #withoutUnit(task: ScsiTask, lun: number | undefined): ScsiResult {
    const definition = findCommand(task.cdb);
    const answer = definition && task.cdb.length >= definition.cdb.sizeBytes ? definition.withoutUnit : undefined;
    return answer ? answer(task, lun, this) : checkCondition(Condition.LOGICAL_UNIT_NOT_SUPPORTED, false);
  }

  async #manage(
    nexus: Nexus,
    wireLun: bigint | number,
    action: (unit: LogicalUnit, nexus: Nexus) => Promise<void>,
  ): Promise<TaskManagementResult> {
    const lun = lunFromWire(wireLun);
    const unit = lun === undefined ? undefined : this.inventory.lookup(nexus, lun);
    if (!unit) return "no-such-lun";
    await action(unit, nexus);
    return "complete";
  }
}

/** An operation code may be known where its service action is not: then that field is what is wrong. */
function unknownCommand({ cdb }: ScsiTask, unit: LogicalUnit): ScsiResult {
  if (findCommand(cdb) !== undefined || !hasServiceActions(cdb)) {
    return fail(unit, Condition.INVALID_COMMAND_OPERATION_CODE);
  }
  const pointer = { inCdb: true, byte: 1, bit: 4 };
  return checkCondition(Condition.INVALID_FIELD_IN_CDB, unit.mode.descriptorSense, { pointer });
}

/** What is wrong with a command before its own fields are looked at. */
function refusal(command: Command): ScsiResult | undefined {
  const { task, definition } = command;
  if (task.cdb.length < definition.cdb.sizeBytes) return command.fail(Condition.INVALID_FIELD_IN_CDB);
  // There is no ACA here (NORMACA = 0), so nothing may ask for it (SAM-5 5.9).
  const control = definition.cdb.sizeBytes - 1;
  if (((task.cdb[control] ?? 0) & CONTROL_NACA) !== 0) return command.invalidField(flag(control, 2));
  if (task.attribute === TaskAttribute.ACA) return command.fail(Condition.INVALID_MESSAGE_ERROR);
  return command.notReady;
}

/** Judged last: a CDB that is wrong is wrong on any medium, and one that writes no blocks is no error on any (SBC-4 5.40). */
function protection(command: Command): ScsiResult | undefined {
  const { unit, definition, blocks, dataOutBytes } = command;
  if (definition.access !== "write" || (blocks === 0 && dataOutBytes === 0)) return undefined;
  return unit.writeProtected ? command.fail(Condition.WRITE_PROTECTED) : undefined;
}

function attention(unit: LogicalUnit, itl: ItlNexus): ScsiResult {
  return fail(unit, itl.attentions.take() ?? Condition.NO_ADDITIONAL_SENSE);
}

function fail(unit: LogicalUnit, condition: Condition): ScsiResult {
  return checkCondition(condition, unit.mode.descriptorSense);
}
