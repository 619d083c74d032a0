/** EXTENDED COPY (LID1) and (LID4) (SPC-4 6.3, 6.4): ranges from one unit of this target to another, or within one. */
import type { Initiation } from "../../storage/block-device.ts";
import { ExtendedCopy, ExtendedCopyLid4 } from "../cdb.ts";
import { type Command, GOOD } from "../command.ts";
import { Condition } from "../condition.ts";
import { type ByteCopy, type CopySide, copyBytes } from "../copy/copy-bytes.ts";
import { type CopyList, fits, parseCopyList, type Segment, unreachable } from "../copy/copy-list.ts";
import { CopyHeader, CopyHeaderLid4 } from "../copy/layouts.ts";
import { MAX_DESCRIPTOR_BYTES } from "../copy/limits.ts";
import { type CopyKind, CopyProgress, type ListIdBytes, TransferUnits } from "../copy/results.ts";
import type { Execution, ScsiResult } from "../transport.ts";
import { gather } from "./data-out.ts";
import type { CommandDefinition } from "./definition.ts";

const BYTES_PER_KIB = 1024;
/** A list that is too long is looked at as far as its header, to say what is too much in it. */
const MAX_LIST_BYTES = 2 * MAX_DESCRIPTOR_BYTES + CopyHeaderLid4.sizeBytes;

export const extendedCopyCommands: readonly CommandDefinition[] = [
  extendedCopy(ExtendedCopy, CopyHeader),
  extendedCopy(ExtendedCopyLid4, CopyHeaderLid4),
];

function extendedCopy(
  layout: typeof ExtendedCopy,
  header: typeof CopyHeader | typeof CopyHeaderLid4,
): CommandDefinition {
  return {
    cdb: layout,
    access: "ready",
    conflicts: "any",
    admit(command) {
      const bytes = layout.listBytes.get(command.cdb, 0);
      if (bytes === 0) return undefined;
      if (bytes < header.sizeBytes || bytes > MAX_LIST_BYTES)
        return command.fail(Condition.PARAMETER_LIST_LENGTH_ERROR);
      command.dataOutBytes = bytes;
      return undefined;
    },
    execute: (command, dataOut) => execute(command, dataOut, header),
  };
}

async function execute(
  command: Command,
  dataOut: readonly Uint8Array[],
  header: typeof CopyHeader | typeof CopyHeaderLid4,
): Promise<Execution> {
  if (command.dataOutBytes === 0) return GOOD;
  const list = gather(dataOut, command.dataOutBytes);
  if (list.length < command.dataOutBytes) return command.fail(Condition.PARAMETER_LIST_LENGTH_ERROR);
  const copy = parseCopyList(command, list, header);
  if ("kind" in copy) return copy;
  const kind = kindOf(command, copy.idBytes);
  const progress = copy.unnamed ? new CopyProgress(kind) : command.itl.copies.begin(copy.listId, kind);
  // OPERATION IN PROGRESS: a list identifier names one copy at a time (SPC-4 5.16.3).
  if (!progress) return command.fail(Condition.OPERATION_IN_PROGRESS);
  const work = carryOut(command, copy, progress, copy.immediate ? undefined : command.task);
  // Units that go away wait for what still reads or writes them.
  for (const unit of unitsOf(command, copy)) unit.inBackground(work, command.server.logger);
  return copy.immediate ? command.taken() : await work;
}

function kindOf({ definition }: Command, idBytes: ListIdBytes): CopyKind {
  const serviceAction = definition.cdb.serviceAction ?? 0;
  return { idBytes, serviceAction, units: TransferUnits.KIB, unitBytes: BYTES_PER_KIB };
}

function unitsOf({ unit }: Command, { segments }: CopyList): Set<Command["unit"]> {
  return new Set([unit, ...segments.flatMap(({ from, to }) => [from, to])]);
}

async function carryOut(
  command: Command,
  { segments }: CopyList,
  progress: CopyProgress,
  by: Initiation | undefined,
): Promise<Execution> {
  // A copy that ends through a bug has failed as well.
  let execution: Execution = command.fail(Condition.COPY_ABORTED);
  try {
    for (const segment of segments) {
      const failure = await copyBytes(command, copyOf(command, segment, progress), progress, by);
      if (failure) {
        execution = failure;
        return failure;
      }
      progress.segments += 1;
    }
    execution = command.taken();
    return execution;
  } finally {
    progress.end(execution);
  }
}

function copyOf(command: Command, segment: Segment, progress: CopyProgress): ByteCopy {
  const { index, from, fromOffset, to, toOffset, bytes } = segment;
  const before = progress.bytes;
  return {
    from,
    to,
    source: [{ offset: fromOffset, bytes }],
    target: { offset: toOffset, bytes },
    obstacle: () => (fits(segment) ? undefined : command.fail(Condition.COPY_ABORTED, { segment: index })),
    blame: (side, failure) =>
      failure
        ? deviceFailure(command, segment, progress.bytes - before, side, failure)
        : unreachable(command, segment, side),
  };
}

/** A unit failed under the copy manager: what it said is forwarded, and what of the segment was written is told (SPC-4 6.3.4). */
function deviceFailure(
  command: Command,
  { index, cscdAt, to, bytes }: Segment,
  written: number,
  from: CopySide,
  { status, sense = Buffer.alloc(0) }: ScsiResult,
): ScsiResult {
  // INFORMATION: the blocks of the destination that are missing, where some were written.
  const residual = written > 0 ? { information: (bytes - written) / to.blockBytes } : {};
  return command.fail(Condition.THIRD_PARTY_DEVICE_FAILURE, {
    ...residual,
    segment: index,
    pointer: { inCdb: false, byte: cscdAt[from] },
    forwarded: { from, status, sense },
  });
}
