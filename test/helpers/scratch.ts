import { mkdirSync, statfsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

interface Owner {
  teardown(end: () => Promise<void>): void;
}

/** Where files are on a disk, even where the directory for temporary files is in memory. */
export function diskDirectory(): string {
  const TMPFS = 0x0102_1994;
  if (statfsSync(tmpdir()).type !== TMPFS) return tmpdir();
  const cache = join(import.meta.dirname, "../../node_modules/.cache");
  mkdirSync(cache, { recursive: true });
  return cache;
}

/** A path for an image in a directory of its own, gone when its owner ends. */
export async function scratchImage(owner: Owner, parent = diskDirectory()): Promise<string> {
  const directory = await mkdtemp(join(parent, "sanlab-storage-"));
  owner.teardown(() => rm(directory, { recursive: true, force: true }));
  return join(directory, "disk.img");
}
