/** An image file in a directory of its own, for as long as something serves it. */
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ServedDisk } from "./tgt.ts";

/** Makes a sparse image and gives it to `start`; closing what that returned removes the image as well. */
export async function servedImage(sizeMiB: number, start: (path: string) => Promise<ServedDisk>): Promise<ServedDisk> {
  const directory = await mkdtemp(join(tmpdir(), "sanlab-image-"));
  const remove = () => rm(directory, { recursive: true, force: true });
  try {
    const path = join(directory, "disk.img");
    await writeFile(path, "");
    await truncate(path, sizeMiB * 1024 * 1024);
    const disk = await start(path);
    const close = async (): Promise<void> => {
      try {
        await disk.close();
      } finally {
        await remove();
      }
    };
    return { url: disk.url, close };
  } catch (error) {
    await remove();
    throw error;
  }
}
