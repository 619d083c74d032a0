/** What a crash left half done is finished or undone at the next start. */
import type { ControllerCore } from "./core.ts";
import { failLost } from "./devices/removal.ts";
import { removeDisk } from "./disks.ts";
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
}

/** Once agents can be reached: also what moves segments goes on. */
export async function goOn(core: ControllerCore): Promise<void> {
  await core.administer(() => undoOperations(core));
  await core.administer(() => failLost(core));
  resumeOperations(core);
}

/** Once agents can be reached, since a disk is taken from all of them before its segments are free. */
export async function undoOperations(core: ControllerCore): Promise<void> {
  for (const disk of core.records.disks.values()) if (disk.operation !== "none") await removeDisk(core, disk);
}
