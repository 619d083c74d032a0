/** How commands end, and what has to be the reason where one ends with an error. */
import { UNAVAILABLE_PORT } from "node-iscsi-target/agent/leased-disk.ts";
import type { ErrorReport, IoResult } from "node-iscsi-target/storage/block-device.ts";
import { Violation } from "../engine/violation.ts";
import type { HostWork } from "../world/config.ts";
import type { Lab } from "../world/lab.ts";
import { segmentsOfBlocks } from "../world/unit-blocks.ts";

/** A command as it was sent to a logical unit, whose blocks `first` and `count` are. */
export interface Request {
  readonly work: Exclude<HostWork, "cancel" | "sequence">;
  readonly first: number;
  readonly count: number;
  /** Where they lie on the disk that has this table. */
  readonly table: string;
  readonly blocks: readonly number[];
  readonly fua: boolean;
  readonly by: string;
}

/** How a command ended; `died`: its agent did, and nobody will say. */
export type Ending = IoResult | "died";

const MEDIUM_ERROR = 0x3;
/** DATA PROTECT, SPACE ALLOCATION FAILED WRITE PROTECT. */
const POOL_FULL: ErrorReport = { senseKey: 0x7, asc: 0x27, ascq: 0x07 };

/** Its agent had no lease when it ended: what it was to do may be done all the same. */
export function isWithoutLease(ending: Ending): boolean {
  return ending !== "died" && ending.kind === "reported" && isSame(ending.report, UNAVAILABLE_PORT);
}

/** @throws Violation where nothing is a reason for what the command ended with */
export function checkReason(lab: Lab, request: Request, start: number, ending: Ending): void {
  if (ending === "died" || isFounded(lab, request, start, ending)) return;
  const { kind } = ending;
  const sense = kind === "reported" ? ` ${JSON.stringify(ending.report)}` : "";
  throw new Violation("answers", `${request.by} ended with ${kind}${sense}, which nothing here is a reason for`);
}

function isFounded(lab: Lab, request: Request, start: number, ending: IoResult): boolean {
  const isSpoiled = lab.spoiledUntil >= start;
  switch (ending.kind) {
    case "ok":
    case "cancelled":
    case "not-ready":
      return true;
    case "medium-error":
      return isSpoiled;
    case "write-protected":
    case "no-space":
      return false;
    case "reported": {
      const { report } = ending;
      if (isSame(report, POOL_FULL)) return request.work !== "read";
      if (isSame(report, UNAVAILABLE_PORT)) return lab.config.leased > 0;
      return (
        report.senseKey === MEDIUM_ERROR &&
        (isSpoiled || lab.failures.mayFail(request.table, segmentsOfBlocks(request.blocks), start))
      );
    }
  }
}

function isSame(a: ErrorReport, b: ErrorReport): boolean {
  return a.senseKey === b.senseKey && a.asc === b.asc && a.ascq === b.ascq;
}
