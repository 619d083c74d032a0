import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { VmError } from "../vm-error.ts";
import type { StagedRoot } from "./staged-root.ts";

/** Offsets in a bzImage's header (Linux Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header"). */
const HEADER = {
  setupSectors: 0x1f1,
  magic: 0x202,
  protocolVersion: 0x206,
  payloadOffset: 0x248,
  payloadLength: 0x24c,
} as const;
const SECTOR_BYTES = 512;
/** From this protocol version the header says where the compressed kernel lies. */
const PAYLOAD_PROTOCOL_VERSION = 0x0208;
/** The build appends the uncompressed size, 4 bytes little-endian, behind the payload. */
const SIZE_SUFFIX_BYTES = 4;

type Compression = "xz" | "gzip" | "zstd";

const MAGIC: readonly { readonly compression: Compression; readonly bytes: Buffer }[] = [
  { compression: "xz", bytes: Buffer.from("fd377a585a00", "hex") },
  { compression: "gzip", bytes: Buffer.from("1f8b", "hex") },
  { compression: "zstd", bytes: Buffer.from("28b52ffd", "hex") },
];

/**
 * The uncompressed ELF kernel of the bzImage at `path` (relative to the root), which QEMU boots by PVH:
 * without it the guest spends a second of emulation on unpacking itself.
 */
export async function extractKernel(root: StagedRoot, path: string): Promise<Uint8Array> {
  const { compression, data, uncompressedBytes } = kernelPayload(await readFile(join(root.directory, path)));
  const kernel = await decompress(root, compression, data);
  if (kernel.length !== uncompressedBytes || Buffer.from(kernel.subarray(0, 4)).toString("latin1") !== "\x7fELF") {
    throw badKernel(`its payload is not an ELF file of ${uncompressedBytes} bytes`);
  }
  return kernel;
}

/** The compressed kernel inside a bzImage. Throws IMAGE_BUILD_FAILED when `image` is something else. */
export function kernelPayload(image: Buffer): { compression: Compression; data: Buffer; uncompressedBytes: number } {
  if (image.length < HEADER.payloadLength + 4 || image.toString("latin1", HEADER.magic, HEADER.magic + 4) !== "HdrS") {
    throw badKernel("it is no bzImage");
  }
  if (image.readUInt16LE(HEADER.protocolVersion) < PAYLOAD_PROTOCOL_VERSION)
    throw badKernel("its boot protocol is older than 2.08");
  // Zero setup sectors mean four, for the oldest boot loaders' sake.
  const setupSectors = image.readUInt8(HEADER.setupSectors) || 4;
  const start = (setupSectors + 1) * SECTOR_BYTES + image.readUInt32LE(HEADER.payloadOffset);
  const end = start + image.readUInt32LE(HEADER.payloadLength);
  if (end > image.length) throw badKernel("it is cut short");
  const data = image.subarray(start, end - SIZE_SUFFIX_BYTES);
  const compression = MAGIC.find(({ bytes }) => data.subarray(0, bytes.length).equals(bytes))?.compression;
  if (compression === undefined)
    throw badKernel(`its payload begins with ${data.subarray(0, 6).toString("hex")}, which is no known compression`);
  return { compression, data, uncompressedBytes: image.readUInt32LE(end - SIZE_SUFFIX_BYTES) };
}

async function decompress(root: StagedRoot, compression: Compression, data: Buffer): Promise<Uint8Array> {
  switch (compression) {
    case "xz":
      return root.run("usr/bin/xz", ["-dc"], { input: data });
    case "gzip":
      return gunzipSync(data);
    case "zstd":
      return zstdDecompressSync(data);
  }
}

function badKernel(reason: string): VmError {
  return new VmError("IMAGE_BUILD_FAILED", `The Debian kernel cannot be made bootable for guests: ${reason}.`);
}
