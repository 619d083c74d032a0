/** What a crash left half done is finished or undone at the next start. */
import type { ControllerCore } from "./core.ts";
import { failLost } from "./devices/removal.ts";
import { removeDisk } from "./disks.ts";
import { finishSwitch } from "./fabric/switch.ts";
import { finishCopies } from "./families/round.ts";
import { resumeOperations } from "./migration/operations.ts";

/** Before anything else is done to any table. */
export async function recover(core: ControllerCore): Promise<void> {
  for (const record of core.records.copies.values()) {
    const family = core.families.get(record.family);
    // First in the family's turn, so that nobody is told meanwhile that the faulting table holds its segments alone.
    family?.run(() => finishCopies(core, family, record)).catch((error: unknown) => core.bug(error));
  }
  await core.space.recover(
    async (table) => void (await core.agents.settled(table)),
    (error) => core.bug(error),
  );
  core.ahead.begin();
}

/** Once agents can be reached: also what moves segments goes on. What fails of it keeps nothing else from being done. */
export async function goOn(core: ControllerCore): Promise<void> {
  await core.administer(() => attempt(core, () => finishSwitch(core)));
  await core.administer(() => undoOperations(core));
  await core.administer(async () => {
    const removed = core.records.devices.values().filter((device) => device.removed === true);
    for (const device of removed) await attempt(core, () => failLost(core, device));
  });
  resumeOperations(core);
}

/** Once agents can be reached, since a disk is taken from all of them before its segments are free. */
export async function undoOperations(core: ControllerCore): Promise<void> {
  const disks = core.records.disks.values().filter(({ operation }) => operation !== "none");
  for (const disk of disks) await attempt(core, () => removeDisk(core, disk));
}

async function attempt(core: ControllerCore, work: () => Promise<void>): Promise<void> {
  await work().catch((error: unknown) => core.bug(error));
}
