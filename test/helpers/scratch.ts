import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

interface Owner {
  teardown(end: () => Promise<void>): void;
}

/** A path for an image in a directory of its own, gone when its owner ends. */
export async function scratchImage(owner: Owner, parent = tmpdir()): Promise<string> {
  const directory = await mkdtemp(join(parent, "sanlab-storage-"));
  owner.teardown(() => rm(directory, { recursive: true, force: true }));
  return join(directory, "disk.img");
}
