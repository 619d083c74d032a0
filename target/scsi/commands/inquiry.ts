/** INQUIRY (SPC-4 6.4). */
import { Inquiry } from "../cdb.ts";
import { type Command, checkCondition, goodWith } from "../command.ts";
import { Condition } from "../condition.ts";
import { InquiryData } from "../parameter-data.ts";
import type { ScsiResult, ScsiTask } from "../transport.ts";
import { vpdPage } from "../vpd/table.ts";
import type { CommandDefinition } from "./definition.ts";

/** PERIPHERAL QUALIFIER 011b and type 1Fh: no logical unit can be here (SPC-4 6.4.2, table 142). */
const NO_UNIT = 0x7f;
/** VERSION 06h: SPC-4. */
const SPC4 = 0x06;
/** TPGS (SPC-4 6.4.2, table 145): access states that change by themselves, and by SET TARGET PORT GROUPS as well. */
const PortGroups = { IMPLICIT: 1, IMPLICIT_AND_EXPLICIT: 3 } as const;
/** VERSION DESCRIPTORs (SPC-4 6.4.2, table 147): SAM-5, SPC-4, SBC-3. */
const STANDARDS = [0x00a0, 0x0460, 0x04c0] as const;

export const inquiryCommands: readonly CommandDefinition[] = [
  { cdb: Inquiry, access: "none", conflicts: "never", duringAttention: true, withoutUnit, execute },
];

function execute(command: Command): ScsiResult {
  const { cdb, unit } = command;
  const { vitalData, pageCode, allocationBytes } = Inquiry;
  const allocation = allocationBytes.get(cdb, 0);
  const page = pageCode.get(cdb, 0);
  if (vitalData.get(cdb, 0) === 0) {
    return page === 0 ? goodWith(standardData(command), allocation) : command.invalidField(pageCode);
  }
  const data = vpdPage(page, unit, command.task.nexus);
  return data ? goodWith(data, allocation) : command.invalidField(pageCode);
}

function withoutUnit({ cdb }: ScsiTask): ScsiResult {
  const { vitalData, pageCode, allocationBytes } = Inquiry;
  if (vitalData.get(cdb, 0) !== 0 || pageCode.get(cdb, 0) !== 0)
    return checkCondition(Condition.INVALID_FIELD_IN_CDB, false);
  const data = InquiryData.encode({
    peripheral: NO_UNIT,
    version: SPC4,
    responseFormat: 2,
    additionalBytes: InquiryData.sizeBytes - 5,
  });
  return goodWith(data, allocationBytes.get(cdb, 0));
}

function standardData({ unit, task }: Command): Buffer {
  const { identity } = unit;
  const data = InquiryData.encode({
    removable: identity.removable ? 1 : 0,
    version: SPC4,
    hierarchicalLuns: 1,
    responseFormat: 2,
    additionalBytes: InquiryData.sizeBytes - 5,
    portGroups: unit.settableAccess ? PortGroups.IMPLICIT_AND_EXPLICIT : PortGroups.IMPLICIT,
    thirdPartyCopy: 1,
    commandQueuing: 1,
  });
  writeAscii(data, 8, 8, identity.vendor);
  writeAscii(data, 16, 16, identity.product);
  writeAscii(data, 32, 4, identity.revision);
  const { versionDescriptor } = task.nexus.targetPort;
  const standards = versionDescriptor === undefined ? STANDARDS : [...STANDARDS, versionDescriptor];
  standards.forEach((standard, index) => void data.writeUInt16BE(standard, 58 + 2 * index));
  return data;
}

/** Left-aligned, filled with spaces (SPC-4 4.3.1). */
export function writeAscii(data: Buffer, at: number, bytes: number, text: string): void {
  data.write(text.slice(0, bytes).padEnd(bytes, " "), at, "latin1");
}
