/** Operations that move segments: they go on in the background, and after any crash. */
import { beginOperation, cancelOperation } from "@sanlab/controller/migration/operations.ts";
import { SEGMENT_BYTES } from "../../world/sim-disk.ts";
import type { Occasion } from "./operations.ts";
import { someDevice } from "./storage.ts";

/** As fast as it goes, or some segments a second. */
const RATES = [null, null, 4 * SEGMENT_BYTES, 50 * SEGMENT_BYTES] as const;

export async function migrate({ administrator: { lab }, core, disk }: Occasion): Promise<void> {
  const { chance, config } = lab;
  const [pool, rate] = [chance.pick(config.pools), chance.pick(RATES)];
  await beginOperation(core, { kind: "migrate", disk: disk.name, pool, ...(rate !== null && { rate }) });
}

export async function evacuate({ administrator: { lab }, core }: Occasion): Promise<void> {
  const device = String(someDevice(lab, core).device);
  const rate = lab.chance.pick(RATES);
  await beginOperation(core, { kind: "evacuate", device, ...(rate !== null && { rate }) });
}

export async function rebalance({ administrator: { lab }, core }: Occasion): Promise<void> {
  await beginOperation(core, { kind: "rebalance", pool: lab.chance.pick(lab.config.pools) });
}

export async function cancelMove({ administrator: { lab }, core }: Occasion): Promise<void> {
  const operations = core.records.operations.values();
  if (operations.length > 0) await cancelOperation(core, lab.chance.pick(operations).id);
}
