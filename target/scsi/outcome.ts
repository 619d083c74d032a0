/** The one place where a device's result becomes status and sense. */
import { type IoResult, OK } from "../storage/block-device.ts";
import type { Command } from "./command.ts";
import { Condition } from "./condition.ts";
import type { LogicalUnit } from "./logical-unit.ts";
import type { Execution, ScsiResult } from "./transport.ts";

/** What the I/O was for: it decides which sense a bad medium gets. */
export type IoPurpose = "read" | "write" | "flush";

/** The end of a command whose I/O did not succeed; undefined where it did. `unit`: whose I/O it was. */
export function failureOf(
  command: Command,
  result: IoResult,
  purpose: IoPurpose,
  unit: LogicalUnit = command.unit,
): Execution | undefined {
  if (result === OK) return undefined;
  switch (result.kind) {
    case "ok":
      return undefined;
    case "medium-error":
      return mediumError(command, result.offset, purpose, unit);
    case "no-space":
      return command.fail(Condition.SPACE_ALLOCATION_FAILED_WRITE_PROTECT);
    case "write-protected":
      return command.fail(Condition.WRITE_PROTECTED);
    case "not-ready":
      return command.fail(Condition.NOT_READY_CAUSE_NOT_REPORTABLE);
    case "cancelled":
      if (!command.abortedAs) throw new Error("The device cancelled an I/O that nobody had aborted.");
      return command.abortedAs;
    case "reported":
      return command.fail(result.report);
  }
}

/** SBC-4 4.18: INFORMATION is the first logical block in error; after a flush nobody knows which. */
function mediumError(command: Command, offset: number, purpose: IoPurpose, { blockBytes }: LogicalUnit): ScsiResult {
  if (purpose === "flush") return command.fail(Condition.WRITE_ERROR);
  const condition = purpose === "read" ? Condition.UNRECOVERED_READ_ERROR : Condition.WRITE_ERROR;
  return command.fail(condition, { information: Math.floor(offset / blockBytes) });
}
