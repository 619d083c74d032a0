/** Who is measured: tgt and ours, each over the same amount of data, written whole before it is read. */
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startMappedDisk } from "../helpers/mapped-disk.ts";
import { startTarget } from "../helpers/target-command.ts";
import { type ServedDisk, startTgt } from "../helpers/tgt.ts";
import { fill } from "./measure.ts";

/** Small enough to lie in the page cache of any machine, so that the target is measured and not the medium. */
export const SIZE_MIB = 512;

export interface Contender extends ServedDisk {
  readonly name: string;
}

const STARTERS: Readonly<Record<string, () => Promise<ServedDisk>>> = {
  tgt: () => withImage(startTgt),
  file: () => withImage((path) => startTarget(path)),
  memory: () => startTarget(`mem,size=${SIZE_MIB}MiB`),
  mapped: () => startMappedDisk(SIZE_MIB),
};

export const CONTENDERS = Object.keys(STARTERS);

/** Starts a contender and writes all of its disk. @throws Error for a name that is none. */
export async function startContender(name: string): Promise<Contender> {
  const start = STARTERS[name];
  if (start === undefined) throw new Error(`There is no contender ${name}; there are ${CONTENDERS.join(", ")}.`);
  const disk = await start();
  try {
    await fill(disk.url, SIZE_MIB);
    return { name, url: disk.url, close: () => disk.close() };
  } catch (error) {
    await disk.close();
    throw error;
  }
}

async function withImage(start: (path: string) => Promise<ServedDisk>): Promise<ServedDisk> {
  const directory = await mkdtemp(join(tmpdir(), "sanlab-bench-"));
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
