/** A process's page cache made small, by a memory cgroup of its own (version 1 or 2, root only). */
import { existsSync } from "node:fs";
import { mkdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";

const V1_ROOT = "/sys/fs/cgroup/memory";
const V2_ROOT = "/sys/fs/cgroup";

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
  const home = await groupOf(pid);
  const group = join(home, `sanlab-bench-${pid}`);
  await mkdir(group);
  try {
    await writeFile(join(group, existsSync(V1_ROOT) ? "memory.limit_in_bytes" : "memory.max"), String(bytes));
    await writeFile(join(group, "cgroup.procs"), String(pid));
    for (const image of images) await dropPages(image);
    return await work();
  } finally {
    await writeFile(join(home, "cgroup.procs"), String(pid));
    await rmdir(group);
    for (const image of images) await dropPages(image);
    await limited.fill();
  }
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
