/** Further tables of disks (seed A3), made and taken away while hosts use the disk and them. */
import { addExport, removeExport } from "@sanlab/controller/access.ts";
import type { ControllerCore } from "@sanlab/controller/core.ts";
import type { DiskRecord } from "@sanlab/controller/records.ts";
import { viewsOf } from "@sanlab/controller/views/record.ts";
import { createView, deleteView } from "@sanlab/controller/views/views.ts";
import type { Chance } from "../../engine/chance.ts";
import { SEGMENT_BYTES } from "../../world/sim-disk.ts";
import type { Occasion } from "./operations.ts";

const MOST_VIEWS = 2;

export async function view({ administrator, core, disk }: Occasion): Promise<void> {
  const { chance, config } = administrator.lab;
  if (viewsOf(core.records, disk.name).length >= MOST_VIEWS) return;
  const segments = Math.ceil(disk.sizeBytes / SEGMENT_BYTES);
  const name = administrator.name();
  const ranges = someRanges(chance, Math.min(segments, config.hotSegments + 2), segments);
  await createView(core, disk.name, { name, ranges });
  await addExport(core, { host: "host", disk: disk.name, table: name });
}

/** Where hosts are, mostly, and in any order; on a large disk also around the border of two chunks. */
function someRanges(chance: Chance, near: number, segments: number): { first: number; count: number }[] {
  const places = Array.from({ length: near }, (_, at) => at).filter(() => chance.hit(0.7));
  if (segments > 1026) places.push(1023, 1024);
  const ranges = (places.length > 0 ? places : [0]).map((first) => ({ first, count: 1 }));
  if (chance.hit(0.5)) ranges.reverse();
  if (chance.hit(0.3)) ranges.push(ranges.shift() as (typeof ranges)[number]);
  return ranges;
}

export async function unview({ administrator: { lab }, core, disk }: Occasion): Promise<void> {
  const views = viewsOf(core.records, disk.name);
  if (views.length > 0) await removeView(core, disk, lab.chance.pick(views).name);
}

/** Before the disk can go. */
export async function removeViews(core: ControllerCore, disk: DiskRecord): Promise<void> {
  for (const { name } of viewsOf(core.records, disk.name)) await removeView(core, disk, name);
}

async function removeView(core: ControllerCore, { name: disk }: DiskRecord, name: string): Promise<void> {
  if (core.records.exports.has(`host/${disk}/${name}`)) await removeExport(core, "host", disk, name);
  await deleteView(core, disk, name);
}
