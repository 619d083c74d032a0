/** What an initiator of the crash tests does until it is told to stop, or dies: bursts of writes, flushes, UNMAP. */
import type { Chance } from "../../simulation/engine/chance.ts";
import { type DiskModel, SECTOR, type Write } from "./disk-model.ts";
import type { Initiator } from "./initiator.ts";

/** What one initiator writes at a time; they have these in turns, so that both write to each segment. */
const STRIPE = 8;
const LARGEST_BURST = 8;
/** Share of writes that are on the medium when they are answered; few, since a sync takes all with it that was written before. */
const FUA = 0.02;

export interface Area {
  readonly bytes: number;
  readonly segmentBytes: number;
  /** Which of how many initiators. */
  readonly initiator: number;
  readonly initiators: number;
}

/** @returns writes that were answered */
export async function load(
  initiator: Initiator,
  model: DiskModel,
  area: Area,
  chance: Chance,
  goesOn: () => boolean,
): Promise<number> {
  let answered = 0;
  while (goesOn() && !initiator.isDead) {
    const writes = burst(model, area, chance);
    await initiator.write(writes);
    if (!initiator.isDead) answered += writes.length;
    if (chance.hit(0.12) && !initiator.isDead) await initiator.flush();
    if (chance.hit(0.1) && !initiator.isDead) await discard(initiator, model, area, chance);
  }
  return answered;
}

/** Of the last quarter of the disk each segment is one initiator's own, which may give it back. */
function burst(model: DiskModel, area: Area, chance: Chance): Write[] {
  const stripes = new Set<number>();
  const count = 1 + chance.below(LARGEST_BURST);
  for (let write = 0; write < count; write += 1) stripes.add(stripeOf(area, chance));
  return [...stripes].map((stripe) => model.begins(stripe * STRIPE, STRIPE, chance, { fua: chance.hit(FUA) }));
}

function stripeOf({ bytes, segmentBytes, initiator, initiators }: Area, chance: Chance): number {
  const stripes = bytes / (STRIPE * SECTOR);
  const shared = (stripes / 4) * 3;
  if (chance.hit(0.75)) return chance.below(shared / initiators) * initiators + initiator;
  const perSegment = segmentBytes / (STRIPE * SECTOR);
  const segment = ownSegment({ bytes, segmentBytes, initiator, initiators }, chance);
  return segment * perSegment + chance.below(perSegment);
}

function ownSegment({ bytes, segmentBytes, initiator, initiators }: Area, chance: Chance): number {
  const segments = bytes / segmentBytes;
  const first = (segments / 4) * 3;
  return first + chance.below((segments - first) / initiators) * initiators + initiator;
}

async function discard(initiator: Initiator, model: DiskModel, area: Area, chance: Chance): Promise<void> {
  const sectors = area.segmentBytes / SECTOR;
  const first = ownSegment(area, chance) * sectors;
  model.begins(first, sectors, chance, { byte: 0 });
  await initiator.discard(first, sectors);
}
