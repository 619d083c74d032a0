/** REPORT SUPPORTED OPERATION CODES and REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS (SPC-4 6.35, 6.36): the command table itself, as hosts may read it. */
import {
  type CdbLayout,
  ReportSupportedOperationCodes as Codes,
  ReportSupportedTaskManagementFunctions as Functions,
} from "../cdb.ts";
import { type Command, goodWith } from "../command.ts";
import {
  OneCommandHeader,
  OperationDescriptor,
  OperationListHeader,
  TaskManagementData,
  TimeoutsDescriptor,
} from "../parameter-data.ts";
import type { ScsiResult } from "../transport.ts";
import type { CommandDefinition } from "./definition.ts";

/** REPORTING OPTIONS (SPC-4 6.35, table 324). */
const Reporting = { ALL: 0, OPERATION_CODE: 1, SERVICE_ACTION: 2, EITHER: 3 } as const;
/** SUPPORT (SPC-4 6.35.3, table 328). */
const Support = { NOT_SUPPORTED: 1, STANDARD: 3 } as const;

/** `all` is asked late: these rows are part of the table they report. */
export function reportOperationsCommands(all: () => readonly CommandDefinition[]): readonly CommandDefinition[] {
  return [
    {
      cdb: Codes,
      access: "none",
      conflicts: "exclusive-access",
      execute: (command) => reportOperationCodes(command, all()),
    },
    { cdb: Functions, access: "none", conflicts: "exclusive-access", execute: reportTaskManagement },
  ];
}

function reportOperationCodes(command: Command, all: readonly CommandDefinition[]): ScsiResult {
  const { cdb, unit } = command;
  const option = Codes.reportingOptions.get(cdb, 0);
  if (option > Reporting.EITHER) return command.invalidField(Codes.reportingOptions);
  const withTimeouts = Codes.timeouts.get(cdb, 0) !== 0;
  const known = all.filter(({ supported }) => supported?.(unit) ?? true).map((definition) => definition.cdb);
  const allocation = Codes.allocationBytes.get(cdb, 0);
  if (option === Reporting.ALL) return goodWith(listData(known, withTimeouts), allocation);

  const requested = known.filter(({ opcode }) => opcode === Codes.requestedOpcode.get(cdb, 0));
  const action = Codes.requestedServiceAction.get(cdb, 0);
  const hasActions = requested.some(({ serviceAction }) => serviceAction !== undefined);
  // SPC-4 table 324: each option fits one kind of operation code only.
  if (option === Reporting.OPERATION_CODE && hasActions) return command.invalidField(Codes.reportingOptions);
  if (option === Reporting.SERVICE_ACTION && requested.length > 0 && !hasActions) {
    return command.invalidField(Codes.reportingOptions);
  }
  const byAction = option !== Reporting.OPERATION_CODE && (hasActions || action !== 0);
  const layout = requested.find(({ serviceAction }) => !byAction || serviceAction === action);
  return goodWith(oneCommandData(layout, withTimeouts), allocation);
}

function listData(known: readonly CdbLayout[], withTimeouts: boolean): Buffer {
  const descriptors = known.map(({ opcode, serviceAction, sizeBytes }) => {
    const descriptor = OperationDescriptor.encode({
      opcode,
      serviceAction: serviceAction ?? 0,
      timeoutsPresent: withTimeouts ? 1 : 0,
      serviceActionValid: serviceAction === undefined ? 0 : 1,
      cdbBytes: sizeBytes,
    });
    return withTimeouts ? Buffer.concat([descriptor, noTimeouts()]) : descriptor;
  });
  const list = Buffer.concat(descriptors);
  return Buffer.concat([OperationListHeader.encode({ listBytes: list.length }), list]);
}

function oneCommandData(layout: CdbLayout | undefined, withTimeouts: boolean): Buffer {
  if (!layout) return OneCommandHeader.encode({ support: Support.NOT_SUPPORTED });
  const header = OneCommandHeader.encode({
    support: Support.STANDARD,
    timeoutsPresent: withTimeouts ? 1 : 0,
    cdbBytes: layout.sizeBytes,
  });
  return Buffer.concat([header, layout.usage, ...(withTimeouts ? [noTimeouts()] : [])]);
}

/** No time is told: how long a command takes is up to the devices, and to faults. */
function noTimeouts(): Buffer {
  return TimeoutsDescriptor.encode({ descriptorBytes: TimeoutsDescriptor.sizeBytes - 2 });
}

function reportTaskManagement({ cdb }: Command): ScsiResult {
  const extended = Functions.extendedData.get(cdb, 0) !== 0;
  const data = TaskManagementData.encode({
    abortTask: 1,
    abortTaskSet: 1,
    clearTaskSet: 1,
    logicalUnitReset: 1,
    targetReset: 1,
    additionalBytes: extended ? TaskManagementData.sizeBytes - 4 : 0,
  });
  return goodWith(extended ? data : data.subarray(0, 4), Functions.allocationBytes.get(cdb, 0));
}
