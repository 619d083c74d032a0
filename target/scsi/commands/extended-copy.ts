/** EXTENDED COPY (LID1) (SPC-4 6.3): ranges from one unit of this target to another, or within one. */
import { ExtendedCopy } from "../cdb.ts";
import { type Command, GOOD } from "../command.ts";
import { Condition } from "../condition.ts";
import { type CopyList, fits, parseCopyList, type Segment } from "../copy/copy-list.ts";
import { CopyHeader } from "../copy/layouts.ts";
import { MAX_DESCRIPTOR_BYTES } from "../copy/limits.ts";
import { type CopyProgress, CopyStatus } from "../copy/results.ts";
import { failureOf } from "../outcome.ts";
import { takeReadBuffer } from "../read-buffers.ts";
import type { Execution, ScsiResult } from "../transport.ts";
import { gather } from "./data-out.ts";
import type { CommandDefinition } from "./definition.ts";
import { CACHED, FORCE_UNIT_ACCESS } from "./write.ts";

const STEP_BYTES = 1024 * 1024;
/** A list that is too long is looked at as far as its header, to say what is too much in it. */
const MAX_LIST_BYTES = 2 * MAX_DESCRIPTOR_BYTES + CopyHeader.sizeBytes;

export const extendedCopyCommands: readonly CommandDefinition[] = [
  { cdb: ExtendedCopy, access: "ready", conflicts: "any", admit, execute },
];

function admit(command: Command): ScsiResult | undefined {
  const bytes = ExtendedCopy.listBytes.get(command.cdb, 0);
  if (bytes > 0 && bytes < CopyHeader.sizeBytes) return command.fail(Condition.PARAMETER_LIST_LENGTH_ERROR);
  if (bytes > MAX_LIST_BYTES) return command.fail(Condition.PARAMETER_LIST_LENGTH_ERROR);
  // What it reads and writes here is known with its list: until then it counts as all of the unit.
  command.blocks = command.unit.blocks;
  command.dataOutBytes = bytes;
  return undefined;
}

async function execute(command: Command, dataOut: readonly Uint8Array[]): Promise<Execution> {
  if (command.dataOutBytes === 0) return GOOD;
  const list = gather(dataOut, command.dataOutBytes);
  if (list.length < command.dataOutBytes) return command.fail(Condition.PARAMETER_LIST_LENGTH_ERROR);
  const copy = parseCopyList(command, list);
  if ("kind" in copy) return copy;
  const progress = copy.unnamed ? newProgress() : command.itl.copies.begin(copy.listId);
  // OPERATION IN PROGRESS: a list identifier names one copy at a time (SPC-4 5.16.3).
  if (!progress) return command.fail(Condition.OPERATION_IN_PROGRESS);
  const failure = await copyAll(command, copy, progress);
  progress.status = failure ? CopyStatus.FAILED : CopyStatus.COMPLETED;
  return failure ?? command.taken();
}

function newProgress(): CopyProgress {
  return { status: CopyStatus.IN_PROGRESS, segments: 0, bytes: 0 };
}

async function copyAll(
  command: Command,
  { segments }: CopyList,
  progress: CopyProgress,
): Promise<Execution | undefined> {
  for (const segment of segments) {
    const failure = await copySegment(command, segment, progress);
    if (failure) return failure;
    progress.segments += 1;
  }
  return undefined;
}

async function copySegment(command: Command, segment: Segment, progress: CopyProgress): Promise<Execution | undefined> {
  const { from, fromOffset, to, toOffset, bytes } = segment;
  const { task } = command;
  const options = to.mode.writeCache ? CACHED : FORCE_UNIT_ACCESS;
  for (let done = 0; done < bytes; done += STEP_BYTES) {
    if (!fits(segment)) return command.fail(Condition.COPY_ABORTED);
    const data = takeReadBuffer(Math.min(STEP_BYTES, bytes - done));
    const read = await from.device.read(fromOffset + done, data, task);
    const unread = failureOf(command, read, "read") ?? command.abortedAs;
    if (unread) return unread;
    const write = await to.device.write(toOffset + done, [data], options, task);
    const unwritten = failureOf(command, write, "write") ?? command.abortedAs;
    if (unwritten) return unwritten;
    progress.bytes += data.length;
  }
  return undefined;
}
