/** Segments that fail because somebody says so, E (270), and are what they were when he takes that back. */
import type { ControllerCore } from "@sanlab/controller/core.ts";
import { failSegments, healSegments } from "@sanlab/controller/families/failing.ts";
import type { DiskRecord } from "@sanlab/controller/records.ts";
import type { Lab } from "../../world/lab.ts";
import { SEGMENT_BYTES } from "../../world/sim-disk.ts";
import type { Occasion } from "./operations.ts";

/** MEDIUM ERROR, AUTO-REALLOCATION FAILED: no other error here has this sense. */
const BY_HAND = { senseKey: 0x3, asc: 0x11, ascq: 0x04 } as const;

export async function fail({ administrator: { lab }, core, disk }: Occasion): Promise<void> {
  const asked = lab.scheduler.tick();
  lab.failures.expect();
  const sense = lab.chance.hit(0.5) ? { sense: BY_HAND } : {};
  const range = someSegments(lab, disk);
  await failSegments(core, disk.name, { ...range, ...sense });
  const places = Array.from({ length: range.count }, (_, at) => `${disk.table}/${range.first + at}`);
  lab.failures.agreed(asked, lab.scheduler.tick(), places);
}

export async function heal({ administrator: { lab }, core, disk }: Occasion): Promise<void> {
  const { first, count } = someSegments(lab, disk);
  const asked = lab.scheduler.tick();
  await healSegments(core, disk.name, { first, count: Math.min(4 * count, segmentsOf(disk) - first) });
  lab.failures.over(asked, lab.scheduler.tick());
}

export async function healAll(core: ControllerCore): Promise<void> {
  for (const disk of core.records.disks.values())
    if (disk.operation === "none") await healSegments(core, disk.name, { first: 0, count: segmentsOf(disk) });
}

function segmentsOf({ sizeBytes }: DiskRecord): number {
  return Math.ceil(sizeBytes / SEGMENT_BYTES);
}

/** Where hosts are, mostly. */
function someSegments({ chance, config }: Lab, disk: DiskRecord): { first: number; count: number } {
  const segments = segmentsOf(disk);
  const first = chance.below(Math.min(segments, config.hotSegments));
  return { first, count: Math.min(chance.pick([1, 1, 2, 1024]), segments - first) };
}
