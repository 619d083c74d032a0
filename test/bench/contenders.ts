/** Who is measured: tgt and ours, each over the same amount of data, written whole before it is read. */
import { startMappedDisk } from "../helpers/mapped-disk.ts";
import { servedImage } from "../helpers/served-image.ts";
import { startTarget } from "../helpers/target-command.ts";
import { type ServedDisk, startTgt } from "../helpers/tgt.ts";
import { fill } from "./measure.ts";

/** Small enough to lie in the page cache of any machine, so that the target is measured and not the medium. */
export const SIZE_MIB = 512;

export interface Contender extends ServedDisk {
  readonly name: string;
}

const STARTERS: Readonly<Record<string, () => Promise<ServedDisk>>> = {
  tgt: () => servedImage(SIZE_MIB, startTgt),
  file: () => servedImage(SIZE_MIB, (path) => startTarget(path)),
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
