/** I/O cut at segment boundaries, and the results of its parts put together again. */
import { type IoCompletion, type IoResult, OK, type WriteOptions } from "../storage/block-device.ts";

/** zero: as a write, but what reads as zeros already is left alone. */
export type Access = "read" | "write" | "zero";

export interface Io {
  readonly access: Access;
  readonly offset: number;
  readonly length: number;
  readonly into?: Uint8Array;
  readonly from?: readonly Uint8Array[];
  readonly options?: WriteOptions | undefined;
  /** So many bytes from where its request has it: a bad byte is named where the request has it. */
  readonly moved?: number;
}

/** The parts of an I/O, one for each segment it touches. */
export function slicePieces(io: Io, segmentBytes: number): Io[] {
  return cut(io, (offset) => segmentBytes - (offset % segmentBytes));
}

/** The parts of an I/O one after another, each as long as `lengthAt` says of where it begins, or as what is left. */
export function cut(io: Io, lengthAt: (offset: number) => number): Io[] {
  const parts: Io[] = [];
  const pieces = io.from === undefined ? undefined : [...io.from];
  for (let at = 0; at < io.length; ) {
    const offset = io.offset + at;
    const length = Math.min(io.length - at, lengthAt(offset));
    parts.push({
      access: io.access,
      offset,
      length,
      ...(io.into === undefined ? {} : { into: io.into.subarray(at, at + length) }),
      ...(pieces === undefined ? {} : { from: takeFront(pieces, length) }),
      options: io.options,
    });
    at += length;
  }
  return parts;
}

/** The result of I/O that was done `bytes` from where its request was: it names a bad byte where the request has it. */
export function located(completion: IoCompletion, bytes: number): IoCompletion {
  if (completion instanceof Promise) return completion.then((result) => moved(result, bytes));
  return moved(completion, bytes);
}

function moved(result: IoResult, bytes: number): IoResult {
  return result.kind === "medium-error" ? { ...result, offset: result.offset + bytes } : result;
}

/** Takes `bytes` off the front of a list of pieces. */
function takeFront(pieces: Uint8Array[], bytes: number): Uint8Array[] {
  const taken: Uint8Array[] = [];
  for (let need = bytes; need > 0; ) {
    const piece = pieces[0] as Uint8Array;
    taken.push(piece.subarray(0, need));
    if (piece.length > need) pieces[0] = piece.subarray(need);
    else pieces.shift();
    need -= Math.min(need, piece.length);
  }
  return taken;
}

/** OK where all are; else the first that is not, once all have ended. */
export function join(parts: readonly IoCompletion[]): IoCompletion {
  if (parts.some((part) => part instanceof Promise)) return allOf(parts);
  return worst(parts as readonly IoResult[]);
}

/** A bug in one part is thrown when the others have ended too: until then they use the request's memory. */
async function allOf(parts: readonly IoCompletion[]): Promise<IoResult> {
  const pending = parts.map((part) => Promise.resolve(part));
  await Promise.allSettled(pending);
  return worst(await Promise.all(pending));
}

function worst(results: readonly IoResult[]): IoResult {
  return results.find((result) => result !== OK) ?? OK;
}

/** The segments that lie in a range wholly, `end` not included; the last of a disk is whole where the disk ends in it. */
export function wholeSegments(
  offset: number,
  length: number,
  { segmentBytes }: { readonly segmentBytes: number },
  diskBytes: number,
): [first: number, end: number] {
  const count = offset + length === diskBytes ? Math.ceil : Math.floor;
  return [Math.ceil(offset / segmentBytes), count((offset + length) / segmentBytes)];
}
