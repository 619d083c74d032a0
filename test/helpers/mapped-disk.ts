/** A disk of a lab of its own, for programs of other people: a controller, an agent, a pool, and hosts that are only let in. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { external, labOf, TestLab } from "./lab.ts";
import type { ServedDisk } from "./tgt.ts";

/** The two names under which programs may log in to a mapped disk. */
export const MAPPED_INITIATORS = ["iqn.2026-11.example:outside", "iqn.2026-11.example:second"] as const;

/** @param size of the disk, thin, as lab files write it; its pool is larger by an eighth. */
export async function startMappedDisk(sizeMiB: number): Promise<ServedDisk> {
  const lab = new TestLab(await mkdtemp(join(tmpdir(), "sanlab-mapped-")));
  try {
    const hosts = { outside: external("outside"), second: external("second") };
    const deviceSize = `${Math.ceil((sizeMiB * 9) / 8)}MiB`;
    await lab.up(labOf({ hosts, diskSize: `${sizeMiB}MiB`, deviceSize }));
    return { url: await lab.url("data", "a"), close: () => lab.destroy() };
  } catch (error) {
    await lab.destroy();
    throw error;
  }
}
