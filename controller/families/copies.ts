/** Segments copied for those who hold them, durably, before any table says so (docs/protocol.md, rule 1). */

import type { ControllerCore } from "../core.ts";
import { CopyError, copyRange } from "../devices/copying.ts";
import type { Medium } from "../devices/medium.ts";
import { distrustMedium } from "../devices/unsynced.ts";
import type { Location } from "../tables/layout.ts";
import { type Sense, SOURCE_UNREADABLE, TARGET_UNWRITABLE } from "./senses.ts";

export interface Copy {
  readonly from: Location;
  readonly to: Location;
}

/** How many are under way at once. */
const AT_ONCE = 4;

/** Copies all, and syncs their targets; what could not be copied, and the sense that says why. */
export async function copySegments<C extends Copy>(
  core: ControllerCore,
  segmentBytes: number,
  copies: readonly C[],
): Promise<Map<C, Sense>> {
  const failed = new Map<C, Sense>();
  const waiting = [...copies];
  const worker = async () => {
    for (let copy = waiting.shift(); copy !== undefined; copy = waiting.shift()) {
      const sense = await failureOf(core, () => copyOne(core, segmentBytes, copy as C, copies.length > 1));
      if (sense !== undefined) failed.set(copy, sense);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, copies.length) }, worker));
  for (const [device, theirs] of Map.groupBy(copies, ({ to }) => to.device)) {
    const medium = core.media.get(device);
    const sense = medium && (await failureOf(core, () => synced(core, device, medium)));
    if (sense !== undefined) for (const copy of theirs) failed.set(copy, sense);
  }
  return failed;
}

/** `isOneOfSeveral`: the medium has something to do while the next is read. */
async function copyOne(
  core: ControllerCore,
  segmentBytes: number,
  { from, to }: Copy,
  isOneOfSeveral: boolean,
): Promise<void> {
  const [source, target] = [core.media.get(from.device), core.media.get(to.device)];
  if (source === undefined) throw new CopyError("source", new Error(`device ${from.device} is not there`));
  if (target === undefined) throw new CopyError("target", new Error(`device ${to.device} is not there`));
  await copyRange(
    { medium: source, offset: from.segment * segmentBytes },
    { medium: target, offset: to.segment * segmentBytes },
    segmentBytes,
  );
  if (isOneOfSeveral) await onTarget(target.writeOut?.(to.segment * segmentBytes, segmentBytes));
}

async function synced(core: ControllerCore, device: number, medium: Medium): Promise<void> {
  try {
    await medium.sync();
  } catch (error) {
    await distrustMedium(core, device, medium);
    throw new CopyError("target", error);
  }
}

async function onTarget(work: Promise<void> | undefined): Promise<void> {
  try {
    await work;
  } catch (error) {
    throw new CopyError("target", error);
  }
}

async function failureOf(core: ControllerCore, work: () => Promise<void>): Promise<Sense | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    if (!(error instanceof CopyError)) throw error;
    core.options.log(error.message);
    return error.side === "source" ? SOURCE_UNREADABLE : TARGET_UNWRITABLE;
  }
}
