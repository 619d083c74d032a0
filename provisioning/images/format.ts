/** What kind of image a file is. */
import { open } from "node:fs/promises";

export const IMAGE_FORMATS = ["raw", "qcow2"] as const;
export type ImageFormat = (typeof IMAGE_FORMATS)[number];

/** "QFI\xfb", the first bytes of a qcow2 file (QEMU docs/interop/qcow2.txt). */
const QCOW2_MAGIC = Buffer.from("514649fb", "hex");

/** By the first bytes: what is not qcow2 is taken as raw. */
export async function imageFormat(path: string): Promise<ImageFormat> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(QCOW2_MAGIC.length), 0, QCOW2_MAGIC.length, 0);
  return bytesRead === QCOW2_MAGIC.length && buffer.equals(QCOW2_MAGIC) ? "qcow2" : "raw";
}
