/** Whole transfers on libuv's thread pool: the system calls may do them in parts. */
import { read, writev } from "node:fs";
import { type IoResult, OK } from "../block-device.ts";
import { outcomeOf } from "./outcome.ts";
import { NOT_PERMITTED, type Permit } from "./permit.ts";

/** Fills `into` from `offset`, but for its first `done` bytes, which are there already. */
export async function readAll(
  fd: number,
  offset: number,
  into: Uint8Array,
  done = 0,
  permit?: Permit,
): Promise<IoResult> {
  for (let at = done; at < into.length; ) {
    if (permit?.() === false) return NOT_PERMITTED;
    const { error, bytes } = await settled((done) => read(fd, into, at, into.length - at, offset + at, done));
    if (error) return outcomeOf(error, offset + at);
    // The file was cut short under us: what a host was told to be there cannot be read.
    if (bytes === 0) return { kind: "medium-error", offset: offset + at };
    at += bytes;
  }
  return OK;
}

/** `stepBytes`: the most that one system call is to write. */
export async function writeAll(
  fd: number,
  offset: number,
  from: readonly Uint8Array[],
  stepBytes = Number.POSITIVE_INFINITY,
  permit?: Permit,
): Promise<IoResult> {
  const length = totalBytes(from);
  let pieces = from;
  for (let at = 0; at < length; ) {
    if (permit?.() === false) return NOT_PERMITTED;
    const step = length - at > stepBytes ? before(pieces, stepBytes) : pieces;
    const { error, bytes } = await settled((done) => writev(fd, step, offset + at, done));
    if (error) return outcomeOf(error, offset + at);
    at += bytes;
    if (at < length) pieces = after(pieces, bytes);
  }
  return OK;
}

export function totalBytes(pieces: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const piece of pieces) bytes += piece.length;
  return bytes;
}

/** The first `bytes` of the pieces. */
export function before(pieces: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  const front: Uint8Array[] = [];
  let need = bytes;
  for (const piece of pieces) {
    if (need === 0) break;
    front.push(piece.length > need ? piece.subarray(0, need) : piece);
    need -= Math.min(need, piece.length);
  }
  return front;
}

/** What is left of the pieces behind their first `bytes`. */
export function after(pieces: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  const rest: Uint8Array[] = [];
  let skip = bytes;
  for (const piece of pieces) {
    if (skip < piece.length) rest.push(piece.subarray(skip));
    skip = Math.max(0, skip - piece.length);
  }
  return rest;
}

type Done = (error: NodeJS.ErrnoException | null, bytes: number) => void;

/** Node's promise versions make several objects per call; this makes one. */
function settled(start: (done: Done) => void): Promise<{ error: NodeJS.ErrnoException | null; bytes: number }> {
  return new Promise((resolve) => start((error, bytes) => resolve({ error, bytes })));
}
