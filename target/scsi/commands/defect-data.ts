/** READ DEFECT DATA (SBC-4 5.18, 5.19): the lists are there, and empty; what holds the blocks has no defects of its own to tell. */
import { ReadDefectData10, ReadDefectData12 } from "../cdb.ts";
import { goodWith } from "../command.ts";
import { DefectHeader10, DefectHeader12 } from "../parameter-data.ts";
import type { CommandDefinition } from "./definition.ts";

/** DEFECT LIST FORMAT (SBC-4 table 36): those that exist. */
const MAX_FORMAT = 0b101;

export const defectDataCommands: readonly CommandDefinition[] = [
  defectData(ReadDefectData10, DefectHeader10),
  defectData(ReadDefectData12, DefectHeader12),
];

function defectData(
  layout: typeof ReadDefectData10 | typeof ReadDefectData12,
  header: typeof DefectHeader10 | typeof DefectHeader12,
): CommandDefinition {
  const { primary, grown, format, allocationBytes } = layout;
  return {
    cdb: layout,
    access: "ready",
    conflicts: "exclusive-access",
    admit: (command) => (format.get(command.cdb, 0) > MAX_FORMAT ? command.invalidField(format) : undefined),
    execute({ cdb }) {
      const lists = { primary: primary.get(cdb, 0), grown: grown.get(cdb, 0), format: format.get(cdb, 0) };
      return goodWith(header.encode(lists), allocationBytes.get(cdb, 0));
    },
  };
}
