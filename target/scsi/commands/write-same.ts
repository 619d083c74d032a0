/** WRITE SAME (SBC-4 5.48, 5.49): one block of data, or of zeros, over a range. */
import { WriteSame10, WriteSame16, type WriteSameCdb } from "../cdb.ts";
import type { Command } from "../command.ts";
import { MAX_WRITE_SAME_BLOCKS } from "../limits.ts";
import { failureOf } from "../outcome.ts";
import type { Execution, ScsiResult } from "../transport.ts";
import { addressRange, outOfRangeNow } from "./block-range.ts";
import { gather } from "./data-out.ts";
import type { CommandDefinition } from "./definition.ts";
import { durability } from "./durability.ts";
import { release } from "./provisioning.ts";
import { repeated } from "./verify.ts";

/** A pattern that is not zeros is written in pieces of this size. */
const STEP_BYTES = 1024 * 1024;

export const writeSameCommands: readonly CommandDefinition[] = [writeSame(WriteSame10), writeSame(WriteSame16)];

function writeSame(layout: WriteSameCdb): CommandDefinition {
  return {
    cdb: layout,
    access: "write",
    conflicts: "any",
    admit: (command) => admitWriteSame(command, layout),
    execute,
  };

  async function execute(command: Command, dataOut: readonly Uint8Array[]): Promise<Execution> {
    const gone = outOfRangeNow(command);
    if (gone) return gone;
    const pattern = gather(dataOut, command.dataOutBytes);
    if (pattern.length < command.dataOutBytes) return command.tooLittleData();
    // Without data (NDOB) the block is one of zeros.
    if (!pattern.every((byte) => byte === 0)) return (await writePattern(command, pattern)) ?? command.taken();
    const mayUnmap = layout.unmap.get(command.cdb, 0) !== 0;
    const anchored = layout.anchor.get(command.cdb, 0) !== 0;
    return (await (mayUnmap ? unmapRange(command, anchored) : writeZeroes(command))) ?? command.taken();
  }
}

function admitWriteSame(command: Command, layout: WriteSameCdb): ScsiResult | undefined {
  const { cdb, unit } = command;
  const { lba, blocks, protect, anchor, unmap, relative, noDataOut } = layout;
  const count = blocks.get(cdb, 0);
  if (protect.get(cdb, 0) !== 0) return command.invalidField(protect);
  // SBC-4 5.57: without UNMAP there is nothing to anchor.
  const mayAnchor = unmap.get(cdb, 0) !== 0 && unit.device.anchor !== undefined;
  if (anchor.get(cdb, 0) !== 0 && !mayAnchor) return command.invalidField(anchor);
  if (relative.get(cdb, 0) !== 0) return command.invalidField(relative);
  // Whether a unit is thin does not matter where it takes no writes: WRITE PROTECTED says enough.
  if (unmap.get(cdb, 0) !== 0 && !unit.device.thin && !unit.writeProtected) return command.invalidField(unmap);
  const start = lba.get(cdb, 0);
  if (count > MAX_WRITE_SAME_BLOCKS) return command.invalidField(blocks);
  // A length of 0 means to the end of the medium (SBC-4 5.49); not with WSNZ (6.6.4), as on a thin unit: initiators
  // differ in what UNMAP does there with data that is not zeros.
  if (count === 0 && unit.device.thin) return command.invalidField(blocks);
  const refused = addressRange(command, start, count === 0 ? Math.max(0, unit.blocks - start) : count);
  if (refused) return refused;
  if (command.blocks > MAX_WRITE_SAME_BLOCKS) return command.invalidField(blocks);
  command.dataOutBytes = noDataOut?.get(cdb, 0) ? 0 : unit.blockBytes;
  return command.tooMuchData();
}

async function writePattern(command: Command, pattern: Buffer): Promise<Execution | undefined> {
  const { unit, task } = command;
  const start = command.lba * unit.blockBytes;
  const bytes = command.blocks * unit.blockBytes;
  const piece = repeated(pattern, Math.min(STEP_BYTES, bytes));
  for (let done = 0; done < bytes; done += STEP_BYTES) {
    const from = [piece.subarray(0, Math.min(STEP_BYTES, bytes - done))];
    const result = await unit.device.write(start + done, from, durability(command, false), task);
    const failure = failureOf(command, result, "write") ?? command.abortedAs;
    if (failure) return failure;
  }
  return undefined;
}

async function writeZeroes(command: Command): Promise<Execution | undefined> {
  const { unit, task } = command;
  const start = command.lba * unit.blockBytes;
  const bytes = command.blocks * unit.blockBytes;
  return failureOf(command, await unit.device.writeZeroes(start, bytes, durability(command, false), task), "write");
}

async function unmapRange(command: Command, anchored: boolean): Promise<Execution | undefined> {
  const { unit, task } = command;
  const failure = failureOf(command, await release(unit, command, anchored, task), "write");
  if (failure || unit.mode.writeCache) return failure;
  return failureOf(command, await unit.device.flush(task), "flush");
}
