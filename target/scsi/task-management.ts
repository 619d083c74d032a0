/**
 * The task management functions (SAM-5 clause 7) on one unit. Each is done when the commands that
 * it ends hold nothing any more.
 */
import { Attention } from "./attention.ts";
import type { Command } from "./command.ts";
import type { LogicalUnit } from "./logical-unit.ts";
import { type Registrant, sameRegistrant } from "./reservations/state.ts";
import type { Aborted, Nexus } from "./transport.ts";

const SILENTLY: Aborted = Object.freeze({ kind: "aborted", reportStatus: false });
const WITH_STATUS: Aborted = Object.freeze({ kind: "aborted", reportStatus: true });

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
  await unit.tasks.abortAll((command) => abortFor(command, nexus));
}

/** SAM-5 7.7 and 6.3.3. */
export async function logicalUnitReset(unit: LogicalUnit, nexus: Nexus): Promise<void> {
  await unit.tasks.abortAll((command) => (command.task.nexus === nexus ? SILENTLY : statusFor(unit)));
  unit.reset();
}

/** PREEMPT AND ABORT (SPC-4 5.13.11.5): all commands of those whose registrations it took, but itself. */
export async function abortPreempted(by: Command, preempted: readonly Registrant[]): Promise<void> {
  const { unit, task } = by;
  await unit.tasks.abortAll((command) => {
    if (command === by || !preempted.some((registrant) => sameRegistrant(registrant, command.itl.registrant))) {
      return undefined;
    }
    return command.task.nexus === task.nexus ? SILENTLY : statusFor(unit);
  });
}

/** SAM-5 5.6: with TAS the other nexus gets TASK ABORTED for each command, without it one unit attention. */
function abortFor(command: Command, nexus: Nexus): Aborted {
  if (command.task.nexus === nexus) return SILENTLY;
  const status = statusFor(command.unit);
  if (!status.reportStatus) command.itl.attentions.establish(Attention.COMMANDS_CLEARED_BY_ANOTHER_INITIATOR);
  return status;
}

function statusFor(unit: LogicalUnit): Aborted {
  return unit.mode.taskAbortedStatus ? WITH_STATUS : SILENTLY;
}
