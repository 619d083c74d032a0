/** Every command of a block device, found by operation code and service action. */
import type { LogicalUnit } from "../logical-unit.ts";
import { atomicCommands } from "./atomic.ts";
import { bufferCommands } from "./buffer.ts";
import { cacheCommands } from "./cache.ts";
import { capacityCommands } from "./capacity.ts";
import { defectDataCommands } from "./defect-data.ts";
import type { CommandDefinition } from "./definition.ts";
import { diagnosticCommands } from "./diagnostic.ts";
import { extendedCopyCommands } from "./extended-copy.ts";
import { formatCommands } from "./format-unit.ts";
import { inquiryCommands } from "./inquiry.ts";
import { logSenseCommands } from "./log-sense.ts";
import { mediumCommands } from "./medium.ts";
import { modeSelectCommands } from "./mode-select.ts";
import { modeSenseCommands } from "./mode-sense.ts";
import { persistentReserveInCommands } from "./persistent-reserve-in.ts";
import { persistentReserveOutCommands } from "./persistent-reserve-out.ts";
import { portGroupCommands } from "./port-groups.ts";
import { provisioningCommands } from "./provisioning.ts";
import { readCommands } from "./read.ts";
import { receiveCopyResultsCommands } from "./receive-copy-results.ts";
import { reportLunsCommands } from "./report-luns.ts";
import { reportOperationsCommands } from "./report-operations.ts";
import { requestSenseCommands } from "./request-sense.ts";
import { reserveReleaseCommands } from "./reserve-release.ts";
import { sanitizeCommands } from "./sanitize.ts";
import { tokenCommands } from "./tokens.ts";
import { verifyCommands } from "./verify.ts";
import { writeCommands } from "./write.ts";
import { writeSameCommands } from "./write-same.ts";

export const commandTable: readonly CommandDefinition[] = [
  ...mediumCommands,
  ...requestSenseCommands,
  ...inquiryCommands,
  ...modeSelectCommands,
  ...modeSenseCommands,
  ...logSenseCommands,
  ...bufferCommands,
  ...diagnosticCommands,
  ...capacityCommands,
  ...readCommands,
  ...writeCommands,
  ...atomicCommands,
  ...verifyCommands,
  ...writeSameCommands,
  ...provisioningCommands,
  ...cacheCommands,
  ...formatCommands,
  ...sanitizeCommands,
  ...defectDataCommands,
  ...extendedCopyCommands,
  ...tokenCommands,
  ...receiveCopyResultsCommands,
  ...reserveReleaseCommands,
  ...persistentReserveInCommands,
  ...persistentReserveOutCommands,
  ...reportLunsCommands,
  ...portGroupCommands,
  ...reportOperationsCommands(() => commandTable),
];

/** The SERVICE ACTION field of all operation codes here that have one (SPC-4 4.2.5.2). */
const SERVICE_ACTION_MASK = 0x1f;

const byOpcode = Array.from<CommandDefinition | undefined>({ length: 256 });
const opcodesWithActions = new Set<number>();
const byServiceAction = new Map<number, CommandDefinition>();

for (const definition of commandTable) {
  const { opcode, serviceAction } = definition.cdb;
  if (serviceAction === undefined) byOpcode[opcode] = definition;
  else {
    opcodesWithActions.add(opcode);
    byServiceAction.set(serviceActionKey(opcode, serviceAction), definition);
  }
}

/** The row for a CDB, where the unit supports it. Without a unit: whatever row there is. */
export function findCommand(cdb: Uint8Array, unit?: LogicalUnit): CommandDefinition | undefined {
  const opcode = cdb[0] ?? 0;
  const definition =
    byOpcode[opcode] ?? byServiceAction.get(serviceActionKey(opcode, (cdb[1] ?? 0) & SERVICE_ACTION_MASK));
  if (!definition?.supported || !unit) return definition;
  return definition.supported(unit) ? definition : undefined;
}

/** Whether the CDB's operation code is one that service actions divide. */
export function hasServiceActions(cdb: Uint8Array): boolean {
  return opcodesWithActions.has(cdb[0] ?? 0);
}

function serviceActionKey(opcode: number, serviceAction: number): number {
  return (opcode << 8) | serviceAction;
}
