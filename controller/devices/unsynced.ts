/**
 * Devices of which a sync has failed (docs/protocol.md, rule 7). What was written before may be lost, and the
 * kernel tells that once to each process which had the device open: one that opens it later would
 * flush with success. So it is on record, told to every agent, and nothing more is placed there, until
 * somebody has seen to it and opens the device again.
 */
import type { UnsyncedDevice } from "node-iscsi-target/mapping/protocol.ts";
import type { ControllerCore } from "../core.ts";
import type { Medium } from "./medium.ts";

/** Durable when this resolves. */
async function distrust(core: ControllerCore, device: number): Promise<void> {
  const { records, allocator, space, commits, options } = core;
  const key = String(device);
  const record = records.devices.get(key);
  if (record === undefined || records.unsynced.has(key)) return;
  allocator.distrust(device, true);
  const unsynced = { device };
  const release = await commits.run((change) => {
    if (records.unsynced.has(key)) return undefined;
    options.log(
      `a sync of ${record.path} has failed: what was written to it before may be lost, and no flush succeeds`,
    );
    change.put(records.unsynced.put(key, unsynced)).learn(() => records.unsynced.learn(key, unsynced));
    return space.releases.begin(change, space.reserve.empty(change, record.pool, device));
  });
  core.agents.reconcile().catch((error: unknown) => core.bug(error));
  await space.releases.finish(release);
}

/** This process was told, by what it has open for the device; or had, before it was opened anew. */
export async function distrustMedium(core: ControllerCore, device: number, medium: Medium): Promise<void> {
  if (core.media.get(device) === medium) await distrust(core, device);
}

/** An agent says so. */
export async function heardOfUnsynced(core: ControllerCore, { device, openings }: UnsyncedDevice): Promise<void> {
  if (openings >= (core.records.devices.get(String(device))?.openings ?? 0)) await distrust(core, device);
}

/**
 * What others were told of a sync, or would have been, this process is told: it is on record when this resolves. False: agents may have been
 * told what this process was not, since it has the device not open, or opened it later than they. `haveSaid`: they have all said so.
 */
export async function syncHere(core: ControllerCore, device: number, haveSaid = false): Promise<boolean> {
  // In turn with what agents have said of it meanwhile.
  await core.commits.run(() => undefined);
  const medium = core.media.get(device);
  if (medium === undefined) return false;
  if (!core.records.unsynced.has(String(device))) await medium.sync().catch(() => distrustMedium(core, device, medium));
  if (haveSaid) core.openedLater.delete(device);
  return !core.openedLater.has(device);
}
