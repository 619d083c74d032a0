/** READ CAPACITY (SBC-4 5.16, 5.17). */
import { ReadCapacity10, ReadCapacity16 } from "../cdb.ts";
import { type Command, goodWith } from "../command.ts";
import { Capacity10Data, Capacity16Data } from "../parameter-data.ts";
import type { ScsiResult } from "../transport.ts";
import type { CommandDefinition } from "./definition.ts";

/** RETURNED LOGICAL BLOCK ADDRESS where the real one needs more than 32 bits: ask READ CAPACITY (16). */
const TOO_LARGE = 0xffff_ffff;

export const capacityCommands: readonly CommandDefinition[] = [
  {
    cdb: ReadCapacity10,
    access: "ready",
    conflicts: "reserve",
    admit(command) {
      const { lba, partialMedium } = ReadCapacity10;
      // SBC-2 5.10: an address makes sense only together with PMI, which later editions made obsolete.
      const stray = lba.get(command.cdb, 0) !== 0 && partialMedium.get(command.cdb, 0) === 0;
      return stray ? command.invalidField(lba) : undefined;
    },
    execute: readCapacity10,
  },
  { cdb: ReadCapacity16, access: "ready", conflicts: "reserve", execute: readCapacity16 },
];

function readCapacity10(command: Command): ScsiResult {
  const { unit } = command;
  const data = Capacity10Data.encode({ lastLba: Math.min(unit.blocks - 1, TOO_LARGE), blockBytes: unit.blockBytes });
  return goodWith(data, data.length);
}

function readCapacity16(command: Command): ScsiResult {
  const { unit, cdb } = command;
  const data = Capacity16Data.encode({
    lastLba: unit.blocks - 1,
    blockBytes: unit.blockBytes,
    physicalExponent: Math.log2((unit.device.physicalBlockBytes ?? unit.blockBytes) / unit.blockBytes),
    provisioningManaged: unit.device.thin ? 1 : 0,
    readsZeros: unit.device.thin ? 1 : 0,
  });
  return goodWith(data, ReadCapacity16.allocationBytes.get(cdb, 0));
}
