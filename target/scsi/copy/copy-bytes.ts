/**
 * The moving of bytes from unit to unit inside the target, for EXTENDED COPY and WRITE USING TOKEN.
 *
 * What the source has no place for is not read: the destination is cleared there instead, which on
 * a thin one gives its place back. Between mapped disks whole segments of zeros so change by table.
 */
import { type Initiation, type IoResult, OK, type ProvisioningExtent } from "../../storage/block-device.ts";
import type { Command } from "../command.ts";
import { CACHED, FORCE_UNIT_ACCESS } from "../commands/durability.ts";
import { Condition } from "../condition.ts";
import type { LogicalUnit } from "../logical-unit.ts";
import { failureOf } from "../outcome.ts";
import { takeReadBuffer } from "../read-buffers.ts";
import type { Execution, ScsiResult } from "../transport.ts";
import type { CopyProgress } from "./results.ts";

/** Of a unit; all of them follow one another in the copy. Bytes. */
export interface BytePart {
  readonly offset: number;
  readonly bytes: number;
}

export interface ByteCopy {
  readonly from: LogicalUnit;
  readonly to: LogicalUnit;
  /** As many bytes as `target`, or fewer: what is missing of its last block is written as zeros. No part at all: zeros. */
  readonly source: readonly BytePart[];
  /** Whole blocks of the destination. */
  readonly target: BytePart;
  /** Asked before each step is written: a reason to go no further. */
  readonly obstacle: () => Execution | undefined;
  /** How the command ends where a unit failed as it says, or, without that, cannot be used. Absent: as that unit says. */
  readonly blame?: (side: CopySide, failure?: ScsiResult) => ScsiResult;
}

export type CopySide = "source" | "destination";

const STEP_BYTES = 1024 * 1024;
/** How far the source is asked at a time where it has data. */
const LOOK_BYTES = 64 * 1024 * 1024;

/** @returns why it ended before its end; undefined where it did not. `progress` counts what has been written. */
export async function copyBytes(
  command: Command,
  copy: ByteCopy,
  progress: CopyProgress,
  by: Initiation | undefined,
): Promise<Execution | undefined> {
  for (let done = 0; done < copy.target.bytes; ) {
    for (const { bytes, zero } of await look(copy, done)) {
      for (const end = done + bytes; done < end; ) {
        const length = zero ? bytes : Math.min(end - done, STEP_BYTES);
        const failure = await copyStep(command, copy, { done, length, zero }, by);
        if (failure) return failure;
        progress.bytes += length;
        done += length;
      }
    }
  }
  return undefined;
}

/** Much may have happened since the copy was checked, or since its last step, or while it read. */
async function copyStep(
  command: Command,
  copy: ByteCopy,
  { done, length, zero }: { readonly done: number; readonly length: number; readonly zero: boolean },
  by: Initiation | undefined,
): Promise<Execution | undefined> {
  const stopped = obstacle(command, copy);
  if (stopped) return stopped;
  const data = zero ? undefined : await gatherSource(command, copy, done, length, by);
  if (data !== undefined && !Buffer.isBuffer(data)) return data;
  const stoppedSince = obstacle(command, copy);
  if (stoppedSince) return stoppedSince;
  const result = await put(copy.to, copy.target.offset + done, data ?? length, by);
  return blamed(copy, "destination", failureOf(command, result, "write", copy.to)) ?? command.abortedAs;
}

function blamed({ blame }: ByteCopy, side: CopySide, failure: Execution | undefined): Execution | undefined {
  return failure?.kind === "done" && blame ? blame(side, failure) : failure;
}

function obstacle(command: Command, copy: ByteCopy): Execution | undefined {
  const { from, to } = copy;
  if (command.abortedAs) return command.abortedAs;
  const unreachable = (side: CopySide): Execution =>
    copy.blame?.(side) ?? command.fail(Condition.COPY_TARGET_NOT_REACHABLE);
  if (from.notReady) return unreachable("source");
  if (to.notReady || to.writeProtected) return unreachable("destination");
  return copy.obstacle();
}

/** A run of whole blocks of the destination, of which the source has no data, or may have some. */
interface Run {
  readonly bytes: number;
  readonly zero: boolean;
}

/** What comes next in the copy, at least one block of it. */
async function look({ from, to, source, target }: ByteCopy, done: number): Promise<readonly Run[]> {
  const { part, into } = locate(source, done);
  const left = target.bytes - done;
  if (source.length === 0) return [{ bytes: Math.min(left, LOOK_BYTES), zero: true }];
  const within = Math.min(left, part ? part.bytes - into : 0, LOOK_BYTES);
  const whole = within - (within % to.blockBytes);
  if (part === undefined || whole === 0) return [{ bytes: Math.min(left, to.blockBytes), zero: false }];
  if (!from.device.thin) return [{ bytes: whole, zero: false }];
  return runsOf(await from.device.provisioning(part.offset + into, whole), to.blockBytes);
}

/** Extents as runs of whole blocks: of a hole only those that lie in it wholly. Less than was asked for may be told. */
function runsOf(extents: readonly ProvisioningExtent[], blockBytes: number): Run[] {
  const runs: Run[] = [];
  let [at, end] = [0, 0];
  const add = (to: number, zero: boolean): void => {
    if (to > at) runs.push({ bytes: to - at, zero });
    at = Math.max(at, to);
  };
  let hole: number | undefined;
  const closeHole = (): void => {
    const last = end - (end % blockBytes);
    if (hole !== undefined && last > hole) {
      add(hole, false);
      add(last, true);
    }
    hole = undefined;
  };
  for (const { length, status } of extents) {
    if (status !== "deallocated") closeHole();
    else hole ??= Math.ceil(end / blockBytes) * blockBytes;
    end += length;
  }
  closeHole();
  add(end - (end % blockBytes), false);
  return runs.length > 0 ? runs : [{ bytes: blockBytes, zero: false }];
}

/** The part of the source that byte `at` of the copy lies in, and where in it; neither, past its end. */
function locate(source: readonly BytePart[], at: number): { part: BytePart | undefined; into: number } {
  let into = at;
  for (const part of source) {
    if (into < part.bytes) return { part, into };
    into -= part.bytes;
  }
  return { part: undefined, into: 0 };
}

/** Bytes `at` and following of the copy, read from as many parts as they lie in; zeros past the end of the source. */
async function gatherSource(
  command: Command,
  copy: ByteCopy,
  at: number,
  length: number,
  by: Initiation | undefined,
): Promise<Buffer | Execution> {
  const { from, source } = copy;
  const data = takeReadBuffer(length);
  for (let filled = 0; filled < length; ) {
    const { part, into } = locate(source, at + filled);
    if (part === undefined) {
      data.fill(0, filled);
      break;
    }
    const piece = data.subarray(filled, filled + Math.min(length - filled, part.bytes - into));
    const result = await from.device.read(part.offset + into, piece, by);
    const failure = blamed(copy, "source", failureOf(command, result, "read", from));
    if (failure) return failure;
    filled += piece.length;
  }
  return data;
}

/** Data, or zeros of a length, in the destination. */
function put(to: LogicalUnit, offset: number, data: Buffer | number, by: Initiation | undefined): Promise<IoResult> {
  const { device, blockBytes, mode, tasks } = to;
  const options = mode.writeCache ? CACHED : FORCE_UNIT_ACCESS;
  const bytes = typeof data === "number" ? data : data.length;
  return tasks.beside({ lba: offset / blockBytes, blocks: bytes / blockBytes }, async () => {
    if (typeof data !== "number") return await device.write(offset, [data], options, by);
    if (!device.thin) return await device.writeZeroes(offset, bytes, options, by);
    const result = await device.unmap(offset, bytes, by);
    return result === OK && !mode.writeCache ? await device.flush(by) : result;
  });
}
