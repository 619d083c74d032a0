/** What FORMAT UNIT and SANITIZE have in common. */
import type { IoResult } from "../../storage/block-device.ts";
import { type Command, GOOD } from "../command.ts";
import type { LogicalUnit } from "../logical-unit.ts";
import type { MediumOperation, MediumPass } from "../medium-operation.ts";
import type { Execution } from "../transport.ts";

const CLEAR_STEP_BYTES = 64 * 1024 * 1024;

/** For commands that concern all who use the unit: other device servers would not know of them. */
export function seesEveryCommand(unit: LogicalUnit): boolean {
  return !unit.servedElsewhere;
}

/** Zeros everywhere; where the device is thin, it gives everything back. */
export function clearing({ device }: LogicalUnit): MediumPass {
  return {
    stepBytes: CLEAR_STEP_BYTES,
    bytesPerSecond: Number.POSITIVE_INFINITY,
    perform: (offset, bytes) => (device.thin ? device.unmap(offset, bytes) : device.writeZeroes(offset, bytes)),
  };
}

/**
 * Starts the operation, and answers at once with IMMED, else when it has ended, or the command has
 * been aborted: the operation goes on then.
 *
 * @param ended is called when the operation is over, before other commands reach the medium again.
 */
export async function operateOnMedium(
  command: Command,
  operation: MediumOperation,
  immediate: boolean,
  ended: (result: IoResult) => void,
  answer: (result: IoResult) => Execution,
): Promise<Execution> {
  const { unit, task, server } = command;
  unit.operation = operation;
  const work = operation.run().then(
    (result) => {
      unit.operation = undefined;
      ended(result);
      return result;
    },
    (bug: unknown) => {
      unit.operation = undefined;
      ended({ kind: "not-ready" });
      throw bug;
    },
  );
  unit.inBackground(work, server.logger);
  if (immediate) return GOOD;
  const aborted = new Promise<undefined>((resolve) => {
    task.onCancel = () => resolve(undefined);
  });
  const result = await Promise.race([work, aborted]);
  task.onCancel = undefined;
  return command.abortedAs ?? (result ? answer(result) : GOOD);
}
