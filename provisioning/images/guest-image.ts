/** The guest's own system as a file of the user's. */
import { rename, rm, stat } from "node:fs/promises";
import { ensureDiskImage } from "@sanlab/vm";
import { UserError } from "../user-error.ts";
import type { ImageFormat } from "./format.ts";
import { copyImage } from "./qemu-img.ts";

export interface GuestImageRequest {
  readonly file: string;
  readonly format: ImageFormat;
  /** Replaces a file that is there. */
  readonly force: boolean;
}

export async function writeGuestImage(
  { cacheDir, say, signal }: { cacheDir: string; say: (message: string) => void; signal: AbortSignal },
  { file, format, force }: GuestImageRequest,
): Promise<void> {
  const isThere = await stat(file).then(
    () => true,
    () => false,
  );
  if (isThere && !force)
    throw new UserError(
      "REFUSED",
      `${file} is there already and was left as it is: name another file, or replace it with --force.`,
    );
  const path = await ensureDiskImage({ cacheDir, onProgress: say });
  const partial = `${file}.${process.pid}.partial`;
  try {
    await copyImage({ kind: "file", path, format: "raw" }, { kind: "file", path: partial, format }, { signal });
    await rename(partial, file);
  } finally {
    await rm(partial, { force: true });
  }
}
