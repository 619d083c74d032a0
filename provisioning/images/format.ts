/** What kind of image a file is. */
import { open, stat } from "node:fs/promises";
import { errorCode } from "../errors.ts";
import { UserError } from "../user-error.ts";

export const IMAGE_FORMATS = ["raw", "qcow2"] as const;
export type ImageFormat = (typeof IMAGE_FORMATS)[number];

/** "QFI\xfb", the first bytes of a qcow2 file (QEMU docs/interop/qcow2.txt). */
const QCOW2_MAGIC = Buffer.from("514649fb", "hex");

/**
 * By the first bytes: what is not qcow2 is taken as raw.
 *
 * @throws {UserError} where there is no file
 */
export async function imageFormat(path: string): Promise<ImageFormat> {
  const found = await stat(path).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT")
      throw new UserError("REFUSED", `The image ${path} is not there: name one that is.`);
    throw error;
  });
  if (found.isDirectory()) throw new UserError("REFUSED", `${path} is a directory: name the image in it.`);
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(QCOW2_MAGIC.length), 0, QCOW2_MAGIC.length, 0);
  return bytesRead === QCOW2_MAGIC.length && buffer.equals(QCOW2_MAGIC) ? "qcow2" : "raw";
}
