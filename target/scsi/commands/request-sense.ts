/** REQUEST SENSE (SPC-4 6.39): what is pending comes as parameter data, and a unit attention is over by that. */
import { RequestSense } from "../cdb.ts";
import { type Command, goodWith } from "../command.ts";
import { Condition } from "../condition.ts";
import { type SenseDetail, senseData } from "../sense.ts";
import type { ScsiResult, ScsiTask } from "../transport.ts";
import type { CommandDefinition } from "./definition.ts";

export const requestSenseCommands: readonly CommandDefinition[] = [
  { cdb: RequestSense, access: "none", conflicts: "never", duringAttention: true, withoutUnit, execute },
];

function execute(command: Command): ScsiResult {
  const { unit, itl, task } = command;
  const attention = itl.attentions.take();
  return attention
    ? answer(task, attention)
    : answer(task, unit.notReady ?? Condition.NO_ADDITIONAL_SENSE, unit.progress);
}

function withoutUnit(task: ScsiTask): ScsiResult {
  return answer(task, Condition.LOGICAL_UNIT_NOT_SUPPORTED);
}

function answer({ cdb }: ScsiTask, condition: Condition, detail?: SenseDetail): ScsiResult {
  const data = senseData(condition, RequestSense.descriptorFormat.get(cdb, 0) !== 0, detail);
  return goodWith(data, RequestSense.allocationBytes.get(cdb, 0));
}
