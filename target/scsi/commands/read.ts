/** READ (SBC-4 5.12 to 5.15). */
import { OK } from "../../storage/block-device.ts";
import { type BlockCdb, Read6, Read10, Read12, Read16 } from "../cdb.ts";
import type { Command } from "../command.ts";
import { failureOf } from "../outcome.ts";
import { takeReadBuffer } from "../read-buffers.ts";
import { type Execution, type ScsiResult, Status } from "../transport.ts";
import { addressTransfer, outOfRangeNow } from "./block-range.ts";
import type { CommandDefinition } from "./definition.ts";

/** SBC-4 5.12: in READ(6) and WRITE(6), a transfer length of 0 means this many blocks. */
export const SIX_BYTE_DEFAULT_BLOCKS = 256;

export const readCommands: readonly CommandDefinition[] = [
  {
    cdb: Read6,
    access: "read",
    conflicts: "exclusive-access",
    admit: (command) =>
      addressTransfer(
        command,
        Read6.lba.get(command.cdb, 0),
        Read6.blocks.get(command.cdb, 0) || SIX_BYTE_DEFAULT_BLOCKS,
        Read6.blocks,
      ),
    execute: executeRead,
  },
  read(Read10),
  read(Read12),
  read(Read16),
];

function read(layout: BlockCdb): CommandDefinition {
  const { lba, blocks, protect, fua } = layout;
  return {
    cdb: layout,
    access: "read",
    conflicts: "exclusive-access",
    admit(command) {
      const { cdb } = command;
      if (protect.get(cdb, 0) !== 0) return command.invalidField(protect);
      return addressTransfer(command, lba.get(cdb, 0), blocks.get(cdb, 0), blocks);
    },
    execute: (command) => (fua.get(command.cdb, 0) === 0 ? executeRead(command) : readFromMedium(command)),
  };
}

function executeRead(command: Command): Execution | Promise<Execution> {
  const gone = outOfRangeNow(command);
  if (gone) return gone;
  const { unit, task } = command;
  const bytes = command.blocks * unit.blockBytes;
  unit.statistics.readCommands += 1;
  unit.statistics.blocksTransmitted += command.blocks;
  const wanted = wantedBytes(command, bytes);
  if (wanted === 0) return { kind: "done", status: Status.GOOD, dataInBytes: bytes };
  const data = task.readBuffer?.(wanted) ?? takeReadBuffer(wanted);
  const completion = unit.device.read(command.lba * unit.blockBytes, data, task);
  if (completion === OK) return readData(data, bytes);
  if (!(completion instanceof Promise)) return failureOf(command, completion, "read") ?? readData(data, bytes);
  return completion.then((result) => failureOf(command, result, "read") ?? readData(data, bytes));
}

/** FUA (SBC-4 4.16.5): what the cache holds goes to the medium before the host sees it. */
async function readFromMedium(command: Command): Promise<Execution> {
  const failure = failureOf(command, await command.unit.device.flush(command.task), "flush");
  return failure ?? executeRead(command);
}

/** Whole blocks that the initiator has room for: nothing is read, or allocated, only to be cut off by the transport. */
function wantedBytes(command: Command, bytes: number): number {
  const room = command.task.expectedInBytes;
  if (room >= bytes) return bytes;
  return Math.min(bytes, Math.ceil(room / command.unit.blockBytes) * command.unit.blockBytes);
}

function readData(dataIn: Uint8Array, dataInBytes: number): ScsiResult {
  return { kind: "done", status: Status.GOOD, dataIn, dataInBytes };
}
