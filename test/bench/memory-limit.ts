/** A process's page cache made small, by a memory cgroup of its own (version 1 or 2, root only). */
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { type Closable, holding } from "./open-things.ts";

const V1_ROOT = "/sys/fs/cgroup/memory";
const V2_ROOT = "/sys/fs/cgroup";
/** Of a group's name; the number of its process follows. */
const PREFIX = "sanlab-bench-";

export interface Limited {
  readonly pid: number;
  readonly images: readonly string[];
  /** Writes all that the images hold, as it was written at first. */
  fill(): Promise<void>;
}

/**
 * Runs `work` while what `pid` newly takes of memory, page cache included, is at most `bytes`; the images' pages are dropped first.
 *
 * Afterwards they are dropped again and the images filled again, so that what is measured next finds the page cache as
 * the first rows found it. How a write of it goes depends on what lies there: brought back by reading, pages that random
 * reads have left, one by one, made writes of 256 KiB half as quick, and between them others so large that writes
 * of 4 KiB were.
 */
export async function withPageCacheOf<T>(bytes: number, limited: Limited, work: () => Promise<T>): Promise<T> {
  const { pid, images } = limited;
  const result = await holding(
    () => enterGroup(pid, bytes),
    async () => {
      for (const image of images) await dropPages(image);
      return work();
    },
  );
  for (const image of images) await dropPages(image);
  await limited.fill();
  return result;
}

/** Puts the process into a group of its own; closing takes it out again, if it still runs. */
async function enterGroup(pid: number, bytes: number): Promise<Closable> {
  const home = await groupOf(pid);
  await sweep(home, pid);
  const group = join(home, `${PREFIX}${pid}`);
  const close = async () => {
    await writeFile(join(home, "cgroup.procs"), String(pid)).catch(ignoring("ESRCH"));
    await rmdir(group);
  };
  await mkdir(group);
  try {
    await writeFile(join(group, existsSync(V1_ROOT) ? "memory.limit_in_bytes" : "memory.max"), String(bytes));
    await writeFile(join(group, "cgroup.procs"), String(pid));
    return { close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Groups that a benchmark has left whose end was sudden: of processes that are gone, or had the number that this one has now. */
async function sweep(home: string, pid: number): Promise<void> {
  for (const name of await readdir(home)) {
    const owner = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : "";
    const isLeft = /^\d+$/.test(owner) && (Number(owner) === pid || !existsSync(`/proc/${owner}`));
    if (isLeft) await rmdir(join(home, name)).catch(ignoring("EBUSY", "ENOENT"));
  }
}

function ignoring(...codes: readonly string[]): (error: NodeJS.ErrnoException) => void {
  return (error) => {
    if (!codes.includes(error.code ?? "")) throw error;
  };
}

async function groupOf(pid: number): Promise<string> {
  const lines = (await readFile(`/proc/${pid}/cgroup`, "utf8")).split("\n").map((line) => line.split(":"));
  const isV1 = existsSync(V1_ROOT);
  const line = lines.find(([, controllers]) =>
    isV1 ? controllers?.split(",").includes("memory") : controllers === "",
  );
  return join(isV1 ? V1_ROOT : V2_ROOT, line?.slice(2).join(":") ?? "/");
}

/** dd without a count writes nothing, syncs, and lets go of the pages. */
export async function dropPages(image: string): Promise<void> {
  await execa("dd", [`of=${image}`, "oflag=nocache", "conv=notrunc,fdatasync", "count=0"], { stdin: "ignore" });
}
