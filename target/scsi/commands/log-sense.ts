/** LOG SENSE (SPC-4 6.7). */
import { LogSense } from "../cdb.ts";
import { type Command, goodWith } from "../command.ts";
import { logPageData, pagesOf } from "../log/pages.ts";
import type { ScsiResult } from "../transport.ts";
import type { CommandDefinition } from "./definition.ts";

/** PAGE CONTROL 01b: cumulative values, all that are counted here (SPC-4 table 164). */
const CUMULATIVE = 1;
/** The highest parameter code of any page here. */
const LAST_PARAMETER = 2;

export const logSenseCommands: readonly CommandDefinition[] = [
  { cdb: LogSense, access: "none", conflicts: "never", execute: logSense },
];

function logSense(command: Command): ScsiResult {
  const { cdb, unit } = command;
  const { savePages, pageControl, pageCode, subpageCode, parameterPointer, allocationBytes } = LogSense;
  if (savePages.get(cdb, 0) !== 0) return command.invalidField(savePages);
  const code = pageCode.get(cdb, 0);
  const ofCode = pagesOf(unit).filter((page) => page.code === code);
  if (ofCode.length === 0) return command.invalidField(pageCode);
  const page = ofCode.find(({ subpage }) => subpage === subpageCode.get(cdb, 0));
  if (!page) return command.invalidField(subpageCode);
  const from = parameterPointer.get(cdb, 0);
  // The lists of pages have no parameters to point at, nor values to control.
  if (code !== 0 && pageControl.get(cdb, 0) !== CUMULATIVE) return command.invalidField(pageControl);
  if (from > (code === 0 ? 0 : LAST_PARAMETER)) return command.invalidField(parameterPointer);
  return goodWith(logPageData(page, unit, from), allocationBytes.get(cdb, 0));
}
