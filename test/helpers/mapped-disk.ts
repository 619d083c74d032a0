/** A disk of a lab of its own, for programs of other people: a controller, an agent, a pool, and hosts that are only let in. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { external, labOf, TestLab } from "./lab.ts";
import type { ServedDisk } from "./tgt.ts";

/** The two names under which programs may log in to a mapped disk. */
export const MAPPED_INITIATORS = ["iqn.2026-11.example:outside", "iqn.2026-11.example:second"] as const;

export interface MappedDiskOptions {
  /** Takes all of its space at once; thin unless told otherwise. */
  readonly thick?: boolean;
  /** Is reached through a second agent as well, as `secondUrl`. */
  readonly twoAgents?: boolean;
}

/** @param sizeMiB of the disk; its pool is larger by an eighth. */
export async function startMappedDisk(sizeMiB: number, options: MappedDiskOptions = {}): Promise<ServedDisk> {
  const lab = new TestLab(await mkdtemp(join(tmpdir(), "sanlab-mapped-")));
  try {
    const hosts = { outside: external("outside"), second: external("second") };
    const deviceSize = `${Math.ceil((sizeMiB * 9) / 8)}MiB`;
    const { thick = false, twoAgents = false } = options;
    const agents = twoAgents ? ["a", "b"] : ["a"];
    await lab.up(labOf({ agents, hosts, diskSize: `${sizeMiB}MiB`, deviceSize, thick }));
    const disk = { url: await lab.url("data", "a"), close: () => lab.destroy() };
    return twoAgents ? { ...disk, secondUrl: await lab.url("data", "b") } : disk;
  } catch (error) {
    await lab.destroy();
    throw error;
  }
}
