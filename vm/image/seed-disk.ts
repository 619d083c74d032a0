/** The disk from which cloud-init takes its NoCloud data source: a FAT file system labelled CIDATA with its files. */
import { mkdtemp, rename, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { findPrograms } from "../programs.ts";

const KIB = 1024;
/** Seeds are small, and what they hold may be secret: nobody else reads it. */
const MIN_KIB = 1024;

/** `files` by their names in the disk's top directory ("user-data", "meta-data"). Replaces what is at `path`. */
export async function makeSeedDisk(path: string, files: Readonly<Record<string, string>>): Promise<void> {
  await findPrograms(["mkfs.vfat", "mcopy"]);
  const work = await mkdtemp(`${path}.making-`);
  try {
    const bytes = Object.values(files).reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    const size = MIN_KIB + Math.ceil(bytes / KIB) * 2;
    const disk = join(work, "seed.img");
    await writeFile(disk, "", { mode: 0o600 });
    await truncate(disk, size * KIB);
    await execa("mkfs.vfat", ["-n", "CIDATA", disk, `${size}`]);
    for (const [name, text] of Object.entries(files)) {
      const source = join(work, name);
      await writeFile(source, text, { mode: 0o600 });
      await execa("mcopy", ["-i", disk, source, `::/${name}`]);
    }
    await rename(disk, path);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
