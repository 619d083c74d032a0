/** Disks made, exported, grown and taken away. */
import { addExport, putZone, removeExport } from "@sanlab/controller/access.ts";
import type { ControllerCore } from "@sanlab/controller/core.ts";
import { createDisk as create, deleteDisk, resizeDisk } from "@sanlab/controller/disks.ts";
import type { DiskRecord } from "@sanlab/controller/records.ts";
import { SEGMENT_BYTES } from "../../world/sim-disk.ts";
import type { Administrator } from "../administrator.ts";
import type { Occasion } from "./operations.ts";
import { removeViews } from "./views.ts";

export async function createDisk(
  administrator: Administrator,
  core: ControllerCore,
  thick: boolean,
  segments: number,
): Promise<void> {
  const { chance, config } = administrator.lab;
  const name = administrator.name();
  await create(core, { name, pool: chance.pick(config.pools), sizeBytes: segments * SEGMENT_BYTES, thick });
  await exportDisk(core, name);
}

export async function exportDisk(core: ControllerCore, name: string): Promise<void> {
  await addExport(core, { host: "host", disk: name });
  const agents = core.records.agents.values().map((agent) => agent.name);
  await putZone(core, { name: `zone-${name}`, hosts: ["host"], agents, disks: [name] }, false);
}

export async function removeDisk(core: ControllerCore, disk: DiskRecord): Promise<void> {
  const { name } = disk;
  await removeViews(core, disk);
  if (core.records.exports.has(`host/${name}`)) await removeExport(core, "host", name);
  await deleteDisk(core, name);
}

export async function resize({ administrator, core, disk }: Occasion): Promise<void> {
  const segments = administrator.lab.chance.pick([1, 2, 1024]);
  await resizeDisk(core, disk.name, disk.sizeBytes + SEGMENT_BYTES * segments);
}

/** All agents serve the disk, or one less. */
export async function rezone(
  { administrator, core, disk: { name } }: Pick<Occasion, "administrator" | "core" | "disk">,
  all: boolean,
): Promise<void> {
  const every = core.records.agents.values().map((agent) => agent.name);
  const left = administrator.lab.chance.pick(every);
  const agents = all ? every : every.filter((agent) => agent !== left);
  await putZone(core, { name: `zone-${name}`, hosts: ["host"], agents, disks: [name] }, false);
}
