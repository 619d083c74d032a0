/** The binary frame of a chunk: uint32 LE length of the JSON header, the header, CHUNK_BYTES of entries. */
import { ENTRY_BYTES } from "./entry.ts";
import type { ChunkFrame } from "./protocol.ts";

export interface DecodedFrame {
  readonly header: ChunkFrame;
  /** Word pairs (`entry.ts`). */
  readonly entries: Uint32Array;
}

export function encodeFrame(header: ChunkFrame, entries: Uint32Array): Buffer {
  const json = Buffer.from(JSON.stringify(header));
  const frame = Buffer.alloc(4 + json.length + entries.byteLength);
  frame.writeUInt32LE(json.length, 0);
  json.copy(frame, 4);
  let at = 4 + json.length;
  for (const word of entries) at = frame.writeUInt32LE(word, at);
  return frame;
}

/** @throws RangeError where the frame is no whole number of entries behind a header. */
export function decodeFrame(frame: Buffer): DecodedFrame {
  const length = frame.readUInt32LE(0);
  const bytes = frame.length - 4 - length;
  if (bytes < 0 || bytes % ENTRY_BYTES !== 0)
    throw new RangeError(`a chunk frame of ${frame.length} bytes is cut short`);
  const entries = new Uint32Array(bytes / 4);
  for (let at = 0; at < entries.length; at += 1) entries[at] = frame.readUInt32LE(4 + length + at * 4);
  return { header: JSON.parse(frame.toString("utf8", 4, 4 + length)) as ChunkFrame, entries };
}
