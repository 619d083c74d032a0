/** REPORT LUNS (SPC-4 6.33): answered by every unit, and by LUN 0 where none is there. */
import { Attention } from "../attention.ts";
import { ReportLuns } from "../cdb.ts";
import { type Command, checkCondition, goodWith } from "../command.ts";
import { Condition } from "../condition.ts";
import { lunToWire } from "../lun.ts";
import { ReportLunsHeader } from "../parameter-data.ts";
import type { ServerContext } from "../server-context.ts";
import type { ScsiResult, ScsiTask } from "../transport.ts";
import type { CommandDefinition } from "./definition.ts";

/** SELECT REPORT (SPC-4 6.33, table 321). */
const SelectReport = { ADDRESSED: 0x00, WELL_KNOWN: 0x01, ALL: 0x02 } as const;
const ENTRY_BYTES = 8;
/** SPC-4 6.33: an ALLOCATION LENGTH below this is an error. */
const MIN_ALLOCATION_BYTES = 16;

export const reportLunsCommands: readonly CommandDefinition[] = [
  { cdb: ReportLuns, access: "none", conflicts: "never", duringAttention: true, withoutUnit, admit, execute },
];

function admit(command: Command): ScsiResult | undefined {
  const { selectReport, allocationBytes } = ReportLuns;
  if (selectReport.get(command.cdb, 0) > SelectReport.ALL) return command.invalidField(selectReport);
  if (allocationBytes.get(command.cdb, 0) < MIN_ALLOCATION_BYTES) return command.invalidField(allocationBytes);
  return undefined;
}

function execute({ task, server }: Command): ScsiResult {
  // The host learns here what the attention would have told it, on whichever unit it asked (SPC-4 6.33).
  for (const lun of server.inventory.list(task.nexus)) {
    const itl = server.inventory.lookup(task.nexus, lun)?.itlNexus(task.nexus);
    itl?.attentions.clear(Attention.REPORTED_LUNS_DATA_HAS_CHANGED);
  }
  return report(task, server);
}

function withoutUnit(task: ScsiTask, lun: number | undefined, server: ServerContext): ScsiResult {
  if (lun !== 0) return checkCondition(Condition.LOGICAL_UNIT_NOT_SUPPORTED, false);
  const { selectReport, allocationBytes } = ReportLuns;
  const valid =
    selectReport.get(task.cdb, 0) <= SelectReport.ALL && allocationBytes.get(task.cdb, 0) >= MIN_ALLOCATION_BYTES;
  return valid ? report(task, server) : checkCondition(Condition.INVALID_FIELD_IN_CDB, false);
}

function report({ cdb, nexus }: ScsiTask, { inventory }: ServerContext): ScsiResult {
  // There are no well-known logical units.
  const luns = ReportLuns.selectReport.get(cdb, 0) === SelectReport.WELL_KNOWN ? [] : inventory.list(nexus);
  const data = Buffer.alloc(ReportLunsHeader.sizeBytes + luns.length * ENTRY_BYTES);
  ReportLunsHeader.listBytes.set(data, 0, luns.length * ENTRY_BYTES);
  luns.forEach(
    (lun, index) => void data.writeBigUInt64BE(lunToWire(lun), ReportLunsHeader.sizeBytes + index * ENTRY_BYTES),
  );
  return goodWith(data, ReportLuns.allocationBytes.get(cdb, 0));
}
