/** VERIFY and WRITE AND VERIFY (SBC-4 5.33 to 5.36, 5.44 to 5.47). */
import {
  Verify10,
  Verify12,
  Verify16,
  type VerifyCdb,
  WriteAndVerify10,
  WriteAndVerify12,
  WriteAndVerify16,
} from "../cdb.ts";
import type { Command } from "../command.ts";
import { Condition } from "../condition.ts";
import { failureOf } from "../outcome.ts";
import { takeReadBuffer } from "../read-buffers.ts";
import { type Execution, type ScsiResult, Status } from "../transport.ts";
import { addressTransfer, outOfRangeNow } from "./block-range.ts";
import { gather } from "./data-out.ts";
import type { CommandDefinition } from "./definition.ts";
import { admitWrite, executeWrite } from "./write.ts";

/** BYTCHK (SBC-4 5.33, table 107). */
const ByteCheck = { MEDIUM_ONLY: 0, COMPARE: 1, RESERVED: 2, COMPARE_ONE_BLOCK: 3 } as const;

/** The medium is read in pieces of this size. */
const STEP_BYTES = 1024 * 1024;

export const verifyCommands: readonly CommandDefinition[] = [
  verify(Verify10),
  verify(Verify12),
  verify(Verify16),
  writeAndVerify(WriteAndVerify10),
  writeAndVerify(WriteAndVerify12),
  writeAndVerify(WriteAndVerify16),
];

function verify(layout: VerifyCdb): CommandDefinition {
  const { lba, blocks, protect, byteCheck } = layout;
  return {
    cdb: layout,
    access: "read",
    conflicts: "exclusive-access",
    admit(command) {
      const { cdb } = command;
      const check = byteCheck.get(cdb, 0);
      if (protect.get(cdb, 0) !== 0) return command.invalidField(protect);
      if (check === ByteCheck.RESERVED) return command.invalidField(byteCheck);
      const refused = addressTransfer(command, lba.get(cdb, 0), blocks.get(cdb, 0), blocks);
      if (refused) return refused;
      command.dataOutBytes = comparedBlocks(command, check) * command.unit.blockBytes;
      return undefined;
    },
    async execute(command, dataOut) {
      const data = gather(dataOut, command.dataOutBytes);
      if (data.length < command.dataOutBytes) return command.tooLittleData();
      return (await verifyMedium(command, data)) ?? command.taken();
    },
  };
}

function writeAndVerify(layout: VerifyCdb): CommandDefinition {
  const { lba, blocks, protect, byteCheck } = layout;
  return {
    cdb: layout,
    access: "write",
    conflicts: "any",
    admit(command) {
      const { cdb } = command;
      const check = byteCheck.get(cdb, 0);
      if (protect.get(cdb, 0) !== 0) return command.invalidField(protect);
      // SBC-4 5.44: 00b and 01b only; there is one block of data for each block written.
      if (check > ByteCheck.COMPARE) return command.invalidField(byteCheck);
      return admitWrite(command, lba.get(cdb, 0), blocks.get(cdb, 0), blocks);
    },
    async execute(command, dataOut) {
      const data = gather(dataOut, command.dataOutBytes);
      // What is verified is the medium, so the data has to get there first.
      const execution = await executeWrite(command, [data], true);
      if (execution.kind === "aborted" || execution.status !== Status.GOOD) return execution;
      // As many blocks as were written: the initiator may have sent fewer than the CDB says.
      command.blocks = data.length / command.unit.blockBytes;
      const compared = byteCheck.get(command.cdb, 0) === ByteCheck.COMPARE ? data : data.subarray(0, 0);
      return (await verifyMedium(command, compared)) ?? execution;
    },
  };
}

function comparedBlocks(command: Command, check: number): number {
  if (check === ByteCheck.MEDIUM_ONLY || command.blocks === 0) return 0;
  return check === ByteCheck.COMPARE_ONE_BLOCK ? 1 : command.blocks;
}

/** Reads the range and compares it with `data`: all of it, or one block over and over, or nothing where it is empty. */
async function verifyMedium(command: Command, data: Buffer): Promise<Execution | undefined> {
  const gone = outOfRangeNow(command);
  if (gone) return gone;
  const { unit, task } = command;
  const start = command.lba * unit.blockBytes;
  const bytes = command.blocks * unit.blockBytes;
  const expected = data.length === unit.blockBytes && data.length < bytes ? repeated(data, STEP_BYTES) : data;
  for (let done = 0; done < bytes; done += STEP_BYTES) {
    const found = takeReadBuffer(Math.min(STEP_BYTES, bytes - done));
    const failure = failureOf(command, await unit.device.read(start + done, found, task), "read");
    if (failure) return failure;
    if (data.length === 0) continue;
    const from = expected === data ? done : 0;
    const difference = firstDifference(found, expected.subarray(from, from + found.length));
    if (difference >= 0) return miscompare(command, done + difference);
    if (command.abortedAs) return command.abortedAs;
  }
  return undefined;
}

/** Where the two differ first, or -1. */
export function firstDifference(a: Buffer, b: Buffer): number {
  if (a.equals(b)) return -1;
  return a.findIndex((byte, index) => byte !== b[index]);
}

export function repeated(pattern: Buffer, bytes: number): Buffer {
  return Buffer.allocUnsafeSlow(bytes).fill(pattern);
}

/** INFORMATION is the logical block that differs (SBC-4 4.18). */
function miscompare(command: Command, offset: number): ScsiResult {
  const information = command.lba + Math.floor(offset / command.unit.blockBytes);
  return { ...command.fail(Condition.MISCOMPARE_DURING_VERIFY, { information }), dataOutBytes: command.dataOutBytes };
}
