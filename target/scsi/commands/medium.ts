/** TEST UNIT READY (SPC-4 6.47), START STOP UNIT (SBC-4 5.31) and PREVENT ALLOW MEDIUM REMOVAL (SBC-4 5.8). */
import { Attention } from "../attention.ts";
import { PreventAllowMediumRemoval, StartStopUnit, TestUnitReady } from "../cdb.ts";
import { type Command, GOOD } from "../command.ts";
import { Condition } from "../condition.ts";
import { failureOf } from "../outcome.ts";
import type { Execution, ScsiResult } from "../transport.ts";
import type { CommandDefinition } from "./definition.ts";

export const mediumCommands: readonly CommandDefinition[] = [
  { cdb: TestUnitReady, access: "ready", execute: () => GOOD },
  { cdb: StartStopUnit, access: "none", admit: admitStartStop, execute: executeStartStop },
  { cdb: PreventAllowMediumRemoval, access: "none", admit: admitPrevent, execute: executePrevent },
];

function admitStartStop(command: Command): ScsiResult | undefined {
  const { cdb, unit } = command;
  const { powerCondition, loadEject, start } = StartStopUnit;
  // A disk without a spindle has no power conditions (SBC-4 5.31, table 104).
  if (powerCondition.get(cdb) !== 0) return command.invalidField(powerCondition.location);
  if (loadEject.get(cdb) === 0) return undefined;
  if (!unit.identity.removable) return command.invalidField(loadEject.location);
  const ejects = start.get(cdb) === 0;
  return ejects && unit.removalPrevented ? command.fail(Condition.MEDIUM_REMOVAL_PREVENTED) : undefined;
}

async function executeStartStop(command: Command): Promise<Execution> {
  const { cdb, unit, task } = command;
  const { start, loadEject, noFlush } = StartStopUnit;
  if (start.get(cdb) !== 0) {
    unit.stopped = false;
    if (loadEject.get(cdb) !== 0 && unit.ejected) {
      unit.ejected = false;
      unit.tell(Attention.MEDIUM_MAY_HAVE_CHANGED, task.nexus);
    }
    return GOOD;
  }
  if (noFlush.get(cdb) === 0 && !unit.ejected) {
    const failure = failureOf(command, await unit.device.flush(task), "flush") ?? command.abortedAs;
    if (failure) return failure;
  }
  if (loadEject.get(cdb) === 0) unit.stopped = true;
  else unit.ejected = true;
  return GOOD;
}

function admitPrevent(command: Command): ScsiResult | undefined {
  const { prevent } = PreventAllowMediumRemoval;
  // 10b and 11b are obsolete (SBC-4 5.8, table 54).
  return prevent.get(command.cdb) > 1 ? command.invalidField(prevent.location) : undefined;
}

function executePrevent(command: Command): ScsiResult {
  command.itl.preventsRemoval = PreventAllowMediumRemoval.prevent.get(command.cdb) === 1;
  return GOOD;
}
