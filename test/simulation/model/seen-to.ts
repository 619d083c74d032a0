/** Devices of which a sync had failed, and that are opened again since somebody has seen to what that has lost. */
import type { Transaction } from "@sanlab/controller/store/store.ts";
import { Violation } from "../engine/violation.ts";
import type { Lab } from "../world/lab.ts";

/**
 * At the commit that says so it is mended, and nobody syncs any more by what he has open: what that would lose, whoever
 * opens it anew is not told (rule 7). @throws Violation
 */
export function seenTo(lab: Lab, { deletes = [] }: Transaction): void {
  const { device, path } = lab.seenTo ?? {};
  if (device === undefined || path === undefined || !deletes.includes(`unsynced/${device}`)) return;
  lab.seenTo = undefined;
  lab.disks.get(path)?.mend();
  // Who was told, and could not open it then, has it open as before.
  for (const { name, core, distrusted } of lab.processes.values())
    if (core.devices.get(device)?.unsynced === false && !distrusted.has(device))
      throw new Violation("rule 7", `${path} is opened again, and ${name} has not heard that a sync of it had failed`);
}
