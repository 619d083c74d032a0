/** The commands that no other may come between: COMPARE AND WRITE, ORWRITE and WRITE ATOMIC (SBC-4 5.2, 5.7, 5.48). */
import type { Field } from "../../wire/layout.ts";
import { CompareAndWrite, OrWrite16, WriteAtomic16 } from "../cdb.ts";
import type { Command } from "../command.ts";
import { Condition } from "../condition.ts";
import { MAX_COMPARE_AND_WRITE_BLOCKS } from "../limits.ts";
import type { Execution, ScsiResult } from "../transport.ts";
import { addressRange, outOfRangeNow } from "./block-range.ts";
import { gather } from "./data-out.ts";
import type { CommandDefinition } from "./definition.ts";
import { durability } from "./durability.ts";
import { exchange, type Modification } from "./exchange.ts";
import { firstDifference } from "./verify.ts";
import { admitWrite, executeWrite } from "./write.ts";

export const atomicCommands: readonly CommandDefinition[] = [
  {
    cdb: CompareAndWrite,
    access: "write",
    conflicts: "any",
    atomic: true,
    supported: ({ excludesOthers }) => excludesOthers,
    admit: admitCompareAndWrite,
    execute: (command, dataOut) => modify(command, dataOut, CompareAndWrite.fua, compare),
  },
  {
    cdb: OrWrite16,
    access: "write",
    conflicts: "any",
    atomic: true,
    supported: ({ excludesOthers }) => excludesOthers,
    admit: (command) => protectedFrom(command, OrWrite16.protect) ?? admitBlocks(command, OrWrite16),
    execute: (command, dataOut) => modify(command, dataOut, OrWrite16.fua, or),
  },
  {
    cdb: WriteAtomic16,
    access: "write",
    conflicts: "any",
    atomic: true,
    supported: (unit) => unit.excludesOthers && unit.maxAtomicBlocks > 0,
    admit: admitWriteAtomic,
    execute(command, dataOut) {
      const data = gather(dataOut, command.dataOutBytes);
      if (data.length < command.dataOutBytes) return command.tooLittleData();
      return executeWrite(command, [data], WriteAtomic16.fua.get(command.cdb, 0) !== 0);
    },
  },
];

function protectedFrom(command: Command, protect: Field): ScsiResult | undefined {
  return protect.get(command.cdb, 0) === 0 ? undefined : command.invalidField(protect);
}

function admitBlocks(command: Command, { lba, blocks }: { lba: Field; blocks: Field }): ScsiResult | undefined {
  return admitWrite(command, lba.get(command.cdb, 0), blocks.get(command.cdb, 0), blocks);
}

/** Twice as much data as blocks: what should be there, and what shall be there. */
function admitCompareAndWrite(command: Command): ScsiResult | undefined {
  const { cdb, unit, task } = command;
  const { protect, lba, blocks } = CompareAndWrite;
  const count = blocks.get(cdb, 0);
  // Data for no blocks: a number that did not fit the field.
  const wrapped = count === 0 && task.expectedOutBytes > 0;
  if (count > MAX_COMPARE_AND_WRITE_BLOCKS || wrapped) return command.invalidField(blocks);
  const refused = protectedFrom(command, protect) ?? addressRange(command, lba.get(cdb, 0), count);
  if (refused) return refused;
  command.dataOutBytes = 2 * count * unit.blockBytes;
  return command.tooMuchData();
}

function admitWriteAtomic(command: Command): ScsiResult | undefined {
  const { cdb, unit } = command;
  const { protect, boundary, blocks } = WriteAtomic16;
  // MAXIMUM ATOMIC BOUNDARY SIZE is 0: there is no writing in several atomic parts (SBC-4 6.6.4).
  if (boundary.get(cdb, 0) !== 0) return command.invalidField(boundary);
  if (blocks.get(cdb, 0) > unit.maxAtomicBlocks) return command.invalidField(blocks);
  return protectedFrom(command, protect) ?? admitBlocks(command, WriteAtomic16);
}

async function modify(
  command: Command,
  dataOut: readonly Uint8Array[],
  fua: Field,
  modification: Modification,
): Promise<Execution> {
  const gone = outOfRangeNow(command);
  if (gone) return gone;
  const data = gather(dataOut, command.dataOutBytes);
  if (data.length < command.dataOutBytes) return command.tooLittleData();
  if (data.length === 0) return command.taken();
  return await exchange(command, data, durability(command, fua.get(command.cdb, 0) !== 0), modification);
}

/** SBC-4 5.2: INFORMATION is the offset of the first byte that differs. */
function compare(command: Command, found: Buffer, data: Buffer): Buffer | ScsiResult {
  const information = firstDifference(found, data.subarray(0, found.length));
  if (information < 0) return data.subarray(found.length);
  const failure = command.fail(Condition.MISCOMPARE_DURING_VERIFY, { information });
  return { ...failure, dataOutBytes: command.dataOutBytes };
}

function or(_command: Command, found: Buffer, data: Buffer): Buffer {
  for (let at = 0; at < found.length; at += 1) found[at] = (found[at] as number) | (data[at] as number);
  return found;
}
