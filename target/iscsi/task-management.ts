/** Task management (RFC 7143 11.5, 11.6): answered when the tasks concerned hold nothing any more. */
import type { TaskManagementResult } from "../scsi/transport.ts";
import { Opcode, TaskFunction, TaskFunctionResponse } from "./opcodes.ts";
import { TaskManagementRequestPdu, TaskManagementResponsePdu, wireLun } from "./pdus.ts";
import type { Pdu } from "./reader.ts";
import type { Session } from "./session.ts";

type Run = (session: Session, lun: bigint | number, header: Buffer) => Promise<number>;

const FUNCTIONS = new Map<number, Run>([
  [TaskFunction.ABORT_TASK, abortTask],
  [TaskFunction.ABORT_TASK_SET, async (s, lun) => code(await s.server.abortTaskSet(s.nexus, lun))],
  [TaskFunction.CLEAR_TASK_SET, async (s, lun) => code(await s.server.clearTaskSet(s.nexus, lun))],
  [TaskFunction.LOGICAL_UNIT_RESET, async (s, lun) => code(await s.server.logicalUnitReset(s.nexus, lun))],
  [TaskFunction.TARGET_WARM_RESET, async (s) => code(await s.server.targetReset(s.nexus))],
  [TaskFunction.TARGET_COLD_RESET, targetColdReset],
  [TaskFunction.TASK_REASSIGN, async () => TaskFunctionResponse.REASSIGN_NOT_SUPPORTED],
]);

/** What follows the answer of a function that is complete. */
const AFTERWARDS = new Map<number, (session: Session) => void>([
  [TaskFunction.TARGET_COLD_RESET, (session) => session.coldReset()],
]);

export async function manageTask(session: Session, { header }: Pdu): Promise<void> {
  const asked = TaskManagementRequestPdu.function.get(header, 0);
  const run = FUNCTIONS.get(asked);
  const response = run === undefined ? TaskFunctionResponse.NOT_SUPPORTED : await run(session, wireLun(header), header);
  const answer = TaskManagementResponsePdu.encode({
    opcode: Opcode.TASK_MANAGEMENT_RESPONSE,
    final: 1,
    response,
    initiatorTaskTag: TaskManagementRequestPdu.initiatorTaskTag.get(header, 0),
  });
  session.stamp(answer, true);
  session.send(answer);
  if (response === TaskFunctionResponse.COMPLETE) AFTERWARDS.get(asked)?.(session);
}

/**
 * A task that is not there has ended, and its answer is on the way: it does not exist (RFC 7143
 * 11.6.1). One whose command has not come yet, by its RefCmdSN, never will: that is complete.
 */
async function abortTask(session: Session, _lun: bigint | number, header: Buffer): Promise<number> {
  const task = session.tasks.get(TaskManagementRequestPdu.referencedTaskTag.get(header, 0));
  if (task === undefined)
    return session.hasSeen(TaskManagementRequestPdu.refCmdSn.get(header, 0))
      ? TaskFunctionResponse.TASK_DOES_NOT_EXIST
      : TaskFunctionResponse.COMPLETE;
  session.tasks.delete(task.tag);
  await session.server.abortTask(task);
  await task.executing;
  return TaskFunctionResponse.COMPLETE;
}

/** It ends the sessions of all, those too that see nothing of what the initiator sees: not everybody may. */
async function targetColdReset(session: Session): Promise<number> {
  if (!session.mayColdReset) return TaskFunctionResponse.NOT_AUTHORIZED;
  return code(await session.server.targetReset(session.nexus));
}

function code(result: TaskManagementResult): number {
  return result === "complete" ? TaskFunctionResponse.COMPLETE : TaskFunctionResponse.LUN_DOES_NOT_EXIST;
}
