/**
 * The label of a storage device, in the first bytes of its segment 0: which cluster it belongs
 * to, and which device it is. Little-endian where it is a number of ours; checked by CRC32C.
 */
import { crc32c } from "../wire/crc32c.ts";

export const LABEL_BYTES = 4096;
const MAGIC = "SANLABDV";
const VERSION = 1;

export interface DeviceLabel {
  readonly cluster: string;
  readonly uuid: string;
  readonly segmentBytes: number;
}

export function encodeLabel(label: DeviceLabel): Buffer {
  const buffer = Buffer.alloc(LABEL_BYTES);
  buffer.write(MAGIC, 0, "latin1");
  buffer.writeUInt32LE(VERSION, 8);
  buffer.writeUInt32LE(label.segmentBytes, 12);
  buffer.write(label.cluster, 16, 36, "latin1");
  buffer.write(label.uuid, 64, 36, "latin1");
  buffer.writeUInt32LE(crc32c([buffer.subarray(0, LABEL_BYTES - 4)]), LABEL_BYTES - 4);
  return buffer;
}

/** The label, or undefined where there is none (or a damaged one). */
export function decodeLabel(buffer: Buffer): DeviceLabel | undefined {
  if (buffer.toString("latin1", 0, 8) !== MAGIC || buffer.readUInt32LE(8) !== VERSION) return undefined;
  if (crc32c([buffer.subarray(0, LABEL_BYTES - 4)]) !== buffer.readUInt32LE(LABEL_BYTES - 4)) return undefined;
  return {
    segmentBytes: buffer.readUInt32LE(12),
    cluster: buffer.toString("latin1", 16, 52),
    uuid: buffer.toString("latin1", 64, 100),
  };
}
