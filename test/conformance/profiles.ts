/** What the conformance suite is run against. */
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MAPPED_INITIATORS, startMappedDisk } from "../helpers/mapped-disk.ts";
import { startTarget } from "../helpers/target-command.ts";
import { type ServedDisk, startTgt } from "../helpers/tgt.ts";

const SIZE_MIB = 128;

export interface Profile {
  readonly name: string;
  readonly what: string;
  /** tgt is there to compare with: its failures are not ours. */
  readonly ours: boolean;
  start(): Promise<ServedDisk>;
}

export const PROFILES: readonly Profile[] = [
  {
    name: "file",
    what: "sanlab target, image file",
    ours: true,
    start: () => withImage((path) => startTarget(`${path},thin`)),
  },
  {
    name: "memory",
    what: "sanlab target, memory",
    ours: true,
    start: () => startTarget(`mem,thin,size=${SIZE_MIB}MiB`),
  },
  { name: "mapped", what: "disk of a lab", ours: true, start: () => startMappedDisk(SIZE_MIB) },
  { name: "tgt", what: "tgtd, image file", ours: false, start: () => withImage(startTgt) },
];

/** Every profile lets these two in. */
export const [INITIATOR, SECOND_INITIATOR] = MAPPED_INITIATORS;

async function withImage(start: (path: string) => Promise<ServedDisk>): Promise<ServedDisk> {
  const directory = await mkdtemp(join(tmpdir(), "sanlab-conformance-"));
  const remove = () => rm(directory, { recursive: true, force: true });
  try {
    const path = join(directory, "disk.img");
    await writeFile(path, "");
    await truncate(path, SIZE_MIB * 1024 * 1024);
    const disk = await start(path);
    return { url: disk.url, close: () => disk.close().finally(remove) };
  } catch (error) {
    await remove();
    throw error;
  }
}
