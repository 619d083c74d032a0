/** SANITIZE (SBC-4 5.35, 4.11): OVERWRITE, BLOCK ERASE, CRYPTOGRAPHIC ERASE and EXIT FAILURE MODE. */
import { type IoResult, OK } from "../../storage/block-device.ts";
import {
  SanitizeBlockErase,
  type SanitizeCdb,
  SanitizeCryptoErase,
  SanitizeExitFailure,
  SanitizeOverwrite,
} from "../cdb.ts";
import { type Command, GOOD } from "../command.ts";
import { Condition } from "../condition.ts";
import { isBlockErasable, isCryptoErasable } from "../erasing.ts";
import { locationOf } from "../fields.ts";
import { OVERWRITE_BYTES_PER_SECOND } from "../limits.ts";
import { MediumOperation, type MediumPass } from "../medium-operation.ts";
import { OverwriteList } from "../parameter-data.ts";
import type { Execution, ScsiResult } from "../transport.ts";
import { gather } from "./data-out.ts";
import type { CommandDefinition } from "./definition.ts";
import { clearing, operateOnMedium, seesEveryCommand } from "./medium-work.ts";
import { repeated } from "./verify.ts";

const PATTERN_STEP_BYTES = 1024 * 1024;

export const sanitizeCommands: readonly CommandDefinition[] = [
  {
    ...sanitize(SanitizeOverwrite),
    admit(command) {
      const bytes = SanitizeOverwrite.listBytes.get(command.cdb, 0);
      const refused = reservedBit(command);
      if (refused) return refused;
      // At least one byte of pattern, at most a block (SBC-4 5.35.2.3).
      if (bytes <= OverwriteList.sizeBytes || bytes > OverwriteList.sizeBytes + command.unit.blockBytes) {
        return command.invalidField(SanitizeOverwrite.listBytes);
      }
      command.blocks = command.unit.blocks;
      command.dataOutBytes = bytes;
      return undefined;
    },
    execute: executeOverwrite,
  },
  {
    ...sanitize(SanitizeBlockErase),
    supported: isBlockErasable,
    execute: (command) => begin(command, SanitizeBlockErase, [clearing(command.unit)]),
  },
  {
    ...sanitize(SanitizeCryptoErase),
    supported: isCryptoErasable,
    execute: (command) => begin(command, SanitizeCryptoErase, [changingKey(command)]),
  },
  {
    ...sanitize(SanitizeExitFailure),
    access: "none",
    execute: exitFailureMode,
  },
];

function sanitize(layout: SanitizeCdb): Omit<CommandDefinition, "execute"> {
  return {
    cdb: layout,
    access: "write",
    conflicts: "any",
    atomic: true,
    supported: seesEveryCommand,
    // Only a new SANITIZE leads out of a failed one, or EXIT FAILURE MODE.
    afterFailedSanitize: true,
    admit(command) {
      const refused = reservedBit(command);
      if (refused) return refused;
      if (layout.listBytes.get(command.cdb, 0) !== 0) return command.invalidField(layout.listBytes);
      command.blocks = command.unit.blocks;
      return undefined;
    },
  };
}

/** A SANITIZE that does something else than what was meant cannot be undone, so what is reserved must be zero. */
function reservedBit(command: Command): ScsiResult | undefined {
  const { usage, sizeBytes } = command.definition.cdb;
  for (let byte = 1; byte < sizeBytes - 1; byte += 1) {
    const stray = (command.cdb[byte] ?? 0) & ~(usage[byte] ?? 0);
    // The five bits of the service action are known to be right.
    const wrong = byte === 1 ? stray & 0xe0 : stray;
    if (wrong !== 0) {
      return command.fail(Condition.INVALID_FIELD_IN_CDB, {
        pointer: { inCdb: true, byte, bit: 31 - Math.clz32(wrong) },
      });
    }
  }
  return undefined;
}

async function executeOverwrite(command: Command, dataOut: readonly Uint8Array[]): Promise<Execution> {
  const { unit } = command;
  const list = gather(dataOut, command.dataOutBytes);
  if (list.length < command.dataOutBytes) return command.fail(Condition.PARAMETER_LIST_LENGTH_ERROR);
  const { invert, test, passes, patternBytes } = OverwriteList.decode(list);
  if (test !== 0) return command.invalidParameter(locationOf(OverwriteList.test).byte);
  if (passes === 0) return command.invalidParameter(locationOf(OverwriteList.passes).byte);
  const pattern = list.subarray(OverwriteList.sizeBytes);
  if (patternBytes !== pattern.length) return command.invalidParameter(locationOf(OverwriteList.patternBytes).byte);
  const block = repeated(pattern, unit.blockBytes);
  const inverted = Buffer.from(block.map((byte) => ~byte));
  const pieces = [block, inverted].map((one) => repeated(one, PATTERN_STEP_BYTES));
  const order = Array.from({ length: passes }, (_, pass) => pieces[invert === 0 ? 0 : pass % 2] as Buffer);
  return await begin(
    command,
    SanitizeOverwrite,
    order.map((piece) => writing(command, piece)),
  );
}

function writing({ unit }: Command, piece: Buffer): MediumPass {
  return {
    stepBytes: piece.length,
    bytesPerSecond: OVERWRITE_BYTES_PER_SECOND,
    perform: (offset, bytes) => unit.device.write(offset, [piece.subarray(0, bytes)]),
  };
}

/** One step, however large the medium. */
function changingKey({ unit }: Command): MediumPass {
  return {
    stepBytes: Math.max(1, unit.device.sizeBytes),
    bytesPerSecond: Number.POSITIVE_INFINITY,
    perform: () => unit.device.cryptoErase?.() ?? OK,
  };
}

function begin(command: Command, layout: SanitizeCdb, passes: readonly MediumPass[]): Promise<Execution> {
  const { unit, cdb } = command;
  const operation = new MediumOperation(unit.device, Condition.SANITIZE_IN_PROGRESS, passes);
  const unrestrictedExit = layout.unrestrictedExit.get(cdb, 0) !== 0;
  unit.sanitizeFailure = undefined;
  const ended = (result: IoResult): void => {
    if (result.kind !== "ok") unit.sanitizeFailure = { mayExit: unrestrictedExit };
  };
  const answer = (result: IoResult): ScsiResult =>
    result.kind === "ok" ? command.taken() : command.fail(Condition.SANITIZE_COMMAND_FAILED);
  return operateOnMedium(command, operation, layout.immediate.get(cdb, 0) !== 0, ended, answer);
}

/** SBC-4 5.35.2.5: allowed only where the SANITIZE that failed had AUSE. */
function exitFailureMode(command: Command): ScsiResult {
  const { unit } = command;
  if (unit.sanitizeFailure && !unit.sanitizeFailure.mayExit) return command.fail(Condition.INVALID_FIELD_IN_CDB);
  unit.sanitizeFailure = undefined;
  return GOOD;
}
