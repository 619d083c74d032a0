/** Task management (RFC 7143 11.5, 11.6): answered when the tasks concerned hold nothing any more. */
import type { TaskManagementResult } from "../scsi/transport.ts";
import { Opcode, TaskFunction, TaskFunctionResponse } from "./opcodes.ts";
import { TaskManagementRequestPdu, TaskManagementResponsePdu, wireLun } from "./pdus.ts";
import type { Pdu } from "./reader.ts";
import type { SessionConnection } from "./session-connection.ts";

type Run = (channel: SessionConnection, lun: bigint | number, header: Buffer) => Promise<number>;

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
const AFTERWARDS = new Map<number, (channel: SessionConnection) => void>([
  [TaskFunction.TARGET_COLD_RESET, (channel) => channel.coldReset()],
]);

export async function manageTask(channel: SessionConnection, { header }: Pdu): Promise<void> {
  const asked = TaskManagementRequestPdu.function.get(header, 0);
  const run = FUNCTIONS.get(asked);
  const response = run === undefined ? TaskFunctionResponse.NOT_SUPPORTED : await run(channel, wireLun(header), header);
  const answer = TaskManagementResponsePdu.encode({
    opcode: Opcode.TASK_MANAGEMENT_RESPONSE,
    final: 1,
    response,
    initiatorTaskTag: TaskManagementRequestPdu.initiatorTaskTag.get(header, 0),
  });
  channel.stamp(answer, true);
  channel.send(answer);
  if (response === TaskFunctionResponse.COMPLETE) AFTERWARDS.get(asked)?.(channel);
}

/**
 * A task that is not there has ended, and its answer is on the way: it does not exist (RFC 7143
 * 11.6.1). One whose command has not come yet, by its RefCmdSN, is not waited for: that is complete.
 */
async function abortTask(channel: SessionConnection, _lun: bigint | number, header: Buffer): Promise<number> {
  const task = channel.tasks.get(TaskManagementRequestPdu.referencedTaskTag.get(header, 0));
  if (task === undefined)
    return channel.plug(TaskManagementRequestPdu.refCmdSn.get(header, 0))
      ? TaskFunctionResponse.TASK_DOES_NOT_EXIST
      : TaskFunctionResponse.COMPLETE;
  channel.tasks.delete(task.tag);
  await channel.server.abortTask(task);
  await task.executing;
  return TaskFunctionResponse.COMPLETE;
}

/** It ends the sessions of all, those too that see nothing of what the initiator sees: not everybody may. */
async function targetColdReset(channel: SessionConnection): Promise<number> {
  if (!channel.mayColdReset) return TaskFunctionResponse.NOT_AUTHORIZED;
  return code(await channel.server.targetReset(channel.nexus));
}

function code(result: TaskManagementResult): number {
  return result === "complete" ? TaskFunctionResponse.COMPLETE : TaskFunctionResponse.LUN_DOES_NOT_EXIST;
}
