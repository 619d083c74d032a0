/** A state directory with the tables of a small lab, to be damaged; its devices are in memory. */
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeAgent } from "@sanlab/controller/access.ts";
import { repairStoppedState } from "@sanlab/controller/check/stopped.ts";
import { createDisk } from "@sanlab/controller/disks.ts";
import { createPool } from "@sanlab/controller/pools.ts";
import { takeSnapshots } from "@sanlab/controller/snapshots/snapshots.ts";
import { SqliteStore } from "@sanlab/controller/store/sqlite-store.ts";
import { Refusal } from "@sanlab/controller/user-error.ts";
import { EntryState } from "node-iscsi-target/mapping/entry.ts";
import type { MemoryDevice } from "node-iscsi-target/storage/memory-device.ts";
import { Damage } from "./damage.ts";
import { MappingLab, MemoryMedia, SEGMENT } from "./mapping-lab.ts";

const DATABASE = "controller.sqlite";
export const SEGMENTS = 8;

export interface Template {
  readonly directory: string;
  readonly media: MemoryMedia;
}

/**
 * Disk "data" holds 1 in its segments 0 to 2, its snapshot "snap" 2 in segment 1 and the rest of data's, and
 * disk "other" 100 in segments 0 and 3.
 */
export async function makeTemplate(): Promise<Template> {
  const directory = await mkdtemp(join(tmpdir(), "sanlab-damage-"));
  const store = new SqliteStore(join(directory, DATABASE));
  const media = new MemoryMedia();
  const lab = await MappingLab.start({ store, media });
  const { core } = lab;
  const devices = ["/one", "/two"].map((path) => ({ path, sizeBytes: 256 * SEGMENT }));
  await createPool(core, { name: "main", segmentBytes: SEGMENT, devices });
  for (const name of ["data", "other"]) {
    await createDisk(core, { name, pool: "main", sizeBytes: SEGMENTS * SEGMENT });
  }
  await lab.addAgents("a");
  await lab.expose("data", "other");
  // In no order, so that nothing is allocated ahead.
  for (const segment of [2, 0, 1]) await lab.write("a", "data", segment, 1);
  for (const segment of [0, 3]) await lab.write("a", "other", segment, 100);
  await takeSnapshots(core, { snapshots: [{ disk: "data", name: "snap" }] });
  await lab.expose("snap");
  await lab.write("a", "snap", 1, 2);
  await removeAgent(core, "a");
  lab.close();
  await store.close();
  return { directory, media };
}

/** A copy of the tables; its devices are as the template's. */
export async function copyOf({ directory }: Template): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), "sanlab-damage-"));
  await copyFile(join(directory, DATABASE), join(copy, DATABASE));
  return copy;
}

export function damage(directory: string, work: (damage: Damage) => void): void {
  const tables = new Damage(directory);
  try {
    work(tables);
  } finally {
    tables.close();
  }
}

/** Each disk as its hosts read it: the byte that each segment is filled with, or "E". */
export type Contents = Readonly<Record<string, readonly (number | "E")[]>>;

/** Starts a controller on the tables, and has it look at them. */
export async function startOn(directory: string, media: MemoryMedia): Promise<{ contents: Contents; bugs: unknown[] }> {
  const store = new SqliteStore(join(directory, DATABASE));
  const lab = await MappingLab.start({ store, media: copiedMedia(media) });
  try {
    const contents: Record<string, (number | "E")[]> = {};
    for (const { name, table } of lab.core.records.disks.values()) {
      const family = lab.core.families.of(table);
      if (family === undefined) throw new Error(`disk ${name} has no family`);
      const edit = lab.core.edit(family);
      await edit.load(0);
      contents[name] = Array.from({ length: SEGMENTS }, (_, segment) => {
        if ((edit.entry(table, segment)[0] & EntryState.ERROR) !== 0) return "E";
        const location = edit.location(table, segment);
        return location === undefined ? 0 : byteAt(lab, location.device, location.segment);
      });
    }
    return { contents, bugs: [...lab.bugs] };
  } finally {
    lab.close();
    await store.close();
  }
}

function byteAt({ core, media }: MappingLab, device: number, segment: number): number {
  const path = core.records.devices.get(String(device))?.path ?? "";
  const into = Buffer.alloc(SEGMENT);
  (media.devices.get(path) as MemoryDevice).read(segment * SEGMENT, into);
  return into[0] as number;
}

/** A start punches what it releases: not in the template's devices. */
function copiedMedia(media: MemoryMedia): MemoryMedia {
  const copy = new MemoryMedia();
  for (const [path, device] of media.devices) {
    copy.adopt(path, {}, { sizeBytes: device.sizeBytes });
    for (let offset = 0; offset < device.sizeBytes; offset += SEGMENT) {
      const bytes = Buffer.alloc(SEGMENT);
      device.read(offset, bytes);
      if (bytes[0] !== 0) copy.devices.get(path)?.write(offset, [bytes]);
    }
  }
  return copy;
}

export function removeDirectory(directory: string): Promise<void> {
  return rm(directory, { recursive: true, force: true });
}

/** Whether a repair is refused in a sentence; otherwise it is done. */
export async function isRefused(directory: string): Promise<boolean> {
  try {
    await repairStoppedState(directory);
    return false;
  } catch (error) {
    if (error instanceof Refusal) return true;
    throw error;
  }
}
