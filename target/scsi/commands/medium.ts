/** TEST UNIT READY (SPC-4 6.47), START STOP UNIT (SBC-4 5.31) and PREVENT ALLOW MEDIUM REMOVAL (SBC-4 5.8). */
import { Attention } from "../attention.ts";
import { PreventAllowMediumRemoval, StartStopUnit, TestUnitReady } from "../cdb.ts";
import { type Command, GOOD } from "../command.ts";
import { Condition } from "../condition.ts";
import { failureOf } from "../outcome.ts";
import type { Conflicts } from "../reservations/reservations.ts";
import type { Execution, ScsiResult } from "../transport.ts";
import type { CommandDefinition } from "./definition.ts";

export const mediumCommands: readonly CommandDefinition[] = [
  { cdb: TestUnitReady, access: "ready", conflicts: "reserve", execute: () => GOOD },
  {
    cdb: StartStopUnit,
    access: "none",
    conflicts: startStopConflicts,
    admit: admitStartStop,
    execute: executeStartStop,
  },
  {
    cdb: PreventAllowMediumRemoval,
    access: "none",
    conflicts: preventConflicts,
    admit: admitPrevent,
    execute: executePrevent,
  },
];

/** SBC-4 table 13: starting is allowed to all; whatever takes the medium from others is not. */
function startStopConflicts(cdb: Uint8Array): Conflicts {
  const { powerCondition, start } = StartStopUnit;
  return start.get(cdb, 0) !== 0 && powerCondition.get(cdb, 0) === 0 ? "reserve" : "any";
}

/** SPC-4 table 65: allowing is allowed to all. */
function preventConflicts(cdb: Uint8Array): Conflicts {
  return PreventAllowMediumRemoval.prevent.get(cdb, 0) === 0 ? "never" : "any";
}

function admitStartStop(command: Command): ScsiResult | undefined {
  const { cdb, unit } = command;
  const { powerCondition, loadEject } = StartStopUnit;
  if (unit.operation) return command.fail(unit.operation.condition, unit.progress);
  // With a power condition, START and LOEJ say nothing (SBC-4 5.31, table 104).
  if (powerCondition.get(cdb, 0) !== 0 || loadEject.get(cdb, 0) === 0) return undefined;
  if (!unit.identity.removable) return command.invalidField(loadEject);
  return unit.removalPrevented ? command.fail(Condition.MEDIUM_REMOVAL_PREVENTED) : undefined;
}

/**
 * Without a spindle there is nothing to start or stop, and every power condition is the active
 * one; and a host must not take a shared disk from the others by shutting down. What STOP promises
 * beside that, data on the medium, is kept.
 */
async function executeStartStop(command: Command): Promise<Execution> {
  const { cdb, unit, task } = command;
  const { powerCondition, start, loadEject, noFlush } = StartStopUnit;
  if (powerCondition.get(cdb, 0) !== 0) return GOOD;
  const moves = loadEject.get(cdb, 0) !== 0;
  if (start.get(cdb, 0) !== 0) {
    if (moves) load(command);
    return GOOD;
  }
  if (noFlush.get(cdb, 0) === 0 && !unit.ejected) {
    const failure = failureOf(command, await unit.device.flush(task), "flush") ?? command.abortedAs;
    if (failure) return failure;
  }
  if (moves) unit.ejected = true;
  return GOOD;
}

function load({ unit, task }: Command): void {
  if (!unit.ejected) return;
  unit.ejected = false;
  unit.tell(Attention.MEDIUM_MAY_HAVE_CHANGED, task.nexus);
}

function admitPrevent(command: Command): ScsiResult | undefined {
  const { prevent } = PreventAllowMediumRemoval;
  // 10b and 11b are obsolete (SBC-4 5.8, table 54).
  return prevent.get(command.cdb, 0) > 1 ? command.invalidField(prevent) : undefined;
}

function executePrevent(command: Command): ScsiResult {
  command.itl.preventsRemoval = PreventAllowMediumRemoval.prevent.get(command.cdb, 0) === 1;
  return GOOD;
}
