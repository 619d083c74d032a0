/** FORMAT UNIT (SBC-4 5.3): afterwards every block reads as zeros. */
import { FormatUnit } from "../cdb.ts";
import type { Command } from "../command.ts";
import { Condition } from "../condition.ts";
import { locationOf } from "../fields.ts";
import { MediumOperation } from "../medium-operation.ts";
import { failureOf } from "../outcome.ts";
import { FormatHeaderLong, FormatHeaderShort } from "../parameter-data.ts";
import type { Execution, ScsiResult } from "../transport.ts";
import { gather } from "./data-out.ts";
import type { CommandDefinition } from "./definition.ts";
import { clearing, operateOnMedium, seesEveryCommand } from "./medium-work.ts";

export const formatCommands: readonly CommandDefinition[] = [
  { cdb: FormatUnit, access: "write", conflicts: "any", atomic: true, supported: seesEveryCommand, admit, execute },
];

function admit(command: Command): ScsiResult | undefined {
  const { cdb, unit } = command;
  const { protectionInfo, formatData, completeList, defectFormat } = FormatUnit;
  if (protectionInfo.get(cdb, 0) !== 0) return command.invalidField(protectionInfo);
  command.blocks = unit.blocks;
  if (formatData.get(cdb, 0) === 0) {
    // Without a parameter list there is nothing for the other fields to say (SBC-4 table 35).
    if (completeList.get(cdb, 0) !== 0) return command.invalidField(completeList);
    return defectFormat.get(cdb, 0) === 0 ? undefined : command.invalidField(defectFormat);
  }
  command.dataOutBytes = headerOf(command).sizeBytes;
  return undefined;
}

function headerOf({ cdb }: Command): typeof FormatHeaderShort | typeof FormatHeaderLong {
  return FormatUnit.longList.get(cdb, 0) === 0 ? FormatHeaderShort : FormatHeaderLong;
}

/** There are no defects to list, and no pattern but zeros. */
function wrongParameter(command: Command, list: Buffer): ScsiResult | undefined {
  if (command.dataOutBytes === 0) return undefined;
  const header = headerOf(command);
  if (list.length < header.sizeBytes) return command.fail(Condition.PARAMETER_LIST_LENGTH_ERROR);
  for (const field of [header.protectionUsage, header.initializationPattern, header.defectBytes]) {
    if (field.get(list, 0) !== 0) return command.invalidParameter(locationOf(field).byte);
  }
  return undefined;
}

async function execute(command: Command, dataOut: readonly Uint8Array[]): Promise<Execution> {
  const list = gather(dataOut, command.dataOutBytes);
  const refused = wrongParameter(command, list);
  if (refused) return refused;
  const { unit } = command;
  const immediate = list.length > 0 && headerOf(command).immediate.get(list, 0) !== 0;
  const operation = new MediumOperation(unit.device, Condition.FORMAT_IN_PROGRESS, [clearing(unit)]);
  const nothing = (): void => undefined;
  return await operateOnMedium(
    command,
    operation,
    immediate,
    nothing,
    (result) => failureOf(command, result, "write") ?? command.taken(),
  );
}
