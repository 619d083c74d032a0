/** Ranges of logical blocks: checked once at `admit`, before any data is asked for, and again where time has passed. */
import type { Field } from "../../wire/layout.ts";
import type { Command } from "../command.ts";
import { Condition } from "../condition.ts";
import type { LogicalUnit } from "../logical-unit.ts";
import type { ScsiResult } from "../transport.ts";

export function contains(unit: LogicalUnit, lba: number, blocks: number): boolean {
  return lba + blocks <= unit.blocks;
}

/** Checks that the range exists and is what the command addresses from here on (SBC-4 4.5, 4.18). */
export function addressRange(command: Command, lba: number, blocks: number): ScsiResult | undefined {
  if (!contains(command.unit, lba, blocks)) return command.fail(Condition.LBA_OUT_OF_RANGE);
  command.lba = lba;
  command.blocks = blocks;
  return undefined;
}

/** The same for a command that moves the blocks: at most MAXIMUM TRANSFER LENGTH of them (SBC-4 6.6.4). */
export function addressTransfer(
  command: Command,
  lba: number,
  blocks: number,
  lengthField: Field,
): ScsiResult | undefined {
  if (blocks > command.unit.maxTransferBlocks) return command.invalidField(lengthField);
  return addressRange(command, lba, blocks);
}

/** The range may have been cut off by a resize since it was checked. */
export function outOfRangeNow(command: Command): ScsiResult | undefined {
  return contains(command.unit, command.lba, command.blocks) ? undefined : command.fail(Condition.LBA_OUT_OF_RANGE);
}
