/**
 * The task management functions (SAM-5 clause 7) on one unit. Each is done when the commands that
 * it ends hold nothing any more, on whatever path they came.
 */
import { Attention } from "./attention.ts";
import type { Command } from "./command.ts";
import type { LogicalUnit } from "./logical-unit.ts";
import { ModeParameters } from "./mode/parameters.ts";
import type { Aborted, Nexus } from "./transport.ts";
import type { UnitChange } from "./unit-change.ts";

const SILENTLY: Aborted = Object.freeze({ kind: "aborted", reportStatus: false });

/** SAM-5 7.2: a command of the nexus that asks. */
export async function abortTask(command: Command): Promise<void> {
  await command.unit.tasks.abort(command, SILENTLY);
}

/** SAM-5 7.3: all commands of the nexus that asks. */
export async function abortTaskSet(unit: LogicalUnit, nexus: Nexus): Promise<void> {
  await unit.tasks.abortAll((command) => (command.task.nexus === nexus ? SILENTLY : undefined));
}

/** SAM-5 7.5: all commands of all nexuses (TST = 000b: there is one task set). */
export async function clearTaskSet(unit: LogicalUnit, nexus: Nexus): Promise<void> {
  await unit.changes.make(() => ({ ...asker(unit, nexus), ends: "clear" }));
}

/** SAM-5 7.7 and 6.3.3: its tasks end, and with them what RESERVE and MODE SELECT left. */
export async function logicalUnitReset(unit: LogicalUnit, nexus: Nexus): Promise<void> {
  await unit.changes.make(() => ({
    ...asker(unit, nexus),
    reserver: null,
    mode: new ModeParameters(),
    notices: [{ to: "all", attention: Attention.BUS_DEVICE_RESET }],
    ends: "reset",
  }));
}

function asker(unit: LogicalUnit, nexus: Nexus): Pick<UnitChange, "by"> {
  const by = unit.itlNexus(nexus);
  return by === undefined ? {} : { by };
}
