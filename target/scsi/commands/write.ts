/** WRITE (SBC-4 5.40 to 5.43). */
import { OK } from "../../storage/block-device.ts";
import { type BlockCdb, Write6, Write10, Write12, Write16 } from "../cdb.ts";
import type { Command } from "../command.ts";
import { failureOf } from "../outcome.ts";
import type { Execution, ScsiResult } from "../transport.ts";
import { addressTransfer, outOfRangeNow } from "./block-range.ts";
import { byteLength, gather, leading } from "./data-out.ts";
import type { CommandDefinition } from "./definition.ts";
import { durability } from "./durability.ts";
import { exchange } from "./exchange.ts";
import { SIX_BYTE_DEFAULT_BLOCKS } from "./read.ts";

export const writeCommands: readonly CommandDefinition[] = [
  {
    cdb: Write6,
    access: "write",
    conflicts: "any",
    admit: (command) =>
      admitWrite(
        command,
        Write6.lba.get(command.cdb, 0),
        Write6.blocks.get(command.cdb, 0) || SIX_BYTE_DEFAULT_BLOCKS,
        Write6.blocks,
      ) ?? admitPart(command),
    execute: (command, dataOut) => executeWrite(command, dataOut, false),
  },
  write(Write10),
  write(Write12),
  write(Write16),
];

function write(layout: BlockCdb): CommandDefinition {
  const { lba, blocks, protect, fua } = layout;
  return {
    cdb: layout,
    access: "write",
    conflicts: "any",
    admit(command) {
      const { cdb } = command;
      if (protect.get(cdb, 0) !== 0) return command.invalidField(protect);
      return admitWrite(command, lba.get(cdb, 0), blocks.get(cdb, 0), blocks) ?? admitPart(command);
    },
    execute: (command, dataOut) => executeWrite(command, dataOut, fua.get(command.cdb, 0) !== 0),
  };
}

export function admitWrite(
  command: Command,
  lba: number,
  blocks: number,
  lengthField: BlockCdb["blocks"],
): ScsiResult | undefined {
  const refused = addressTransfer(command, lba, blocks, lengthField);
  if (refused) return refused;
  command.dataOutBytes = blocks * command.unit.blockBytes;
  return undefined;
}

/**
 * The initiator announced data that ends inside a block. RFC 7143 11.4.5.2 has what it announced
 * written, and the residual tell the rest: so that block keeps its other bytes, which nobody may
 * change meanwhile.
 */
function admitPart(command: Command): undefined {
  const { unit, task } = command;
  const announced = Math.min(task.expectedOutBytes, command.dataOutBytes);
  if (announced % unit.blockBytes === 0 || !unit.excludesOthers) return;
  command.atomic = true;
  command.blocks = Math.ceil(announced / unit.blockBytes);
}

export function executeWrite(
  command: Command,
  dataOut: readonly Uint8Array[],
  fua: boolean,
): Execution | Promise<Execution> {
  const gone = outOfRangeNow(command);
  if (gone) return gone;
  const { unit, task } = command;
  const came = byteLength(dataOut);
  const bytes = Math.min(came, command.dataOutBytes);
  if (bytes % unit.blockBytes !== 0) return writePart(command, gather(dataOut, bytes), fua);
  // Less than the CDB says: what came is written, and the residual tells.
  if (bytes === 0) return command.taken();
  unit.statistics.writeCommands += 1;
  unit.statistics.blocksReceived += bytes / unit.blockBytes;
  const pieces = came === bytes ? dataOut : leading(dataOut, bytes);
  const completion = unit.device.write(command.lba * unit.blockBytes, pieces, durability(command, fua), task);
  if (completion === OK) return command.taken();
  if (!(completion instanceof Promise)) return failureOf(command, completion, "write") ?? command.taken();
  return completion.then((result) => failureOf(command, result, "write") ?? command.taken());
}

/** What came replaces what is there, as far as it goes. */
function writePart(command: Command, data: Buffer, fua: boolean): Execution | Promise<Execution> {
  const { unit, blocks } = command;
  if (Math.ceil(data.length / unit.blockBytes) !== blocks || !command.atomic) return command.tooLittleData();
  unit.statistics.writeCommands += 1;
  unit.statistics.blocksReceived += blocks;
  return exchange(command, data, durability(command, fua), (_command, found) => {
    data.copy(found);
    return found;
  });
}
