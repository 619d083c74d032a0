/** How commands end, and what has to be the reason where one ends with an error. */
import { UNAVAILABLE_PORT } from "node-iscsi-target/agent/leased-disk.ts";
import type { ErrorReport, IoResult } from "node-iscsi-target/storage/block-device.ts";
import { Violation } from "../engine/violation.ts";
import type { HostWork } from "../world/config.ts";
import type { Trouble } from "../world/disk-troubles.ts";
import type { Lab } from "../world/lab.ts";
import { SEGMENT_BLOCKS } from "../world/sim-disk.ts";
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

/** @throws Violation where a flush has succeeded and something that was written before it is not on its medium (rule 7). `written`: how far each device was when it began. */
export function checkSynced(lab: Lab, { table, by }: Request, written: ReadonlyMap<string, number>): void {
  for (const segment of lab.touchedSegments(table)) {
    const entry = lab.durable.entry(table, segment);
    const disk = entry && lab.disks.get(entry.path);
    // What nobody could sync as its device was taken out by force may be lost, and fails (docs/protocol.md).
    const since = entry?.isFailing ? disk?.orphaned : 0;
    if (entry === undefined || disk === undefined) continue;
    const first = entry.segment * SEGMENT_BLOCKS;
    const unsynced = disk.firstUnsynced(first, SEGMENT_BLOCKS, written.get(entry.path) ?? 0, since);
    if (unsynced !== undefined)
      throw new Violation(
        "rule 7",
        `${by} has succeeded, but block ${unsynced} of ${disk.path}, in segment ${segment} of ${table}, was written before it and is not on the medium`,
      );
  }
}

function isFounded(lab: Lab, request: Request, start: number, ending: IoResult): boolean {
  const isSpoiled = lab.troubledUntil("badBlock") >= start;
  const mayNotWrite = request.work !== "read" && troubles(lab, start).length > 0;
  switch (ending.kind) {
    case "ok":
    case "cancelled":
    case "not-ready":
      return true;
    case "medium-error":
      return isSpoiled || mayNotWrite;
    case "write-protected":
      return false;
    case "no-space":
      return request.work !== "read" && lab.troubledUntil("full") >= start;
    case "reported": {
      const { report } = ending;
      if (isSame(report, POOL_FULL)) return request.work !== "read";
      if (isSame(report, UNAVAILABLE_PORT)) return lab.config.leased > 0;
      return (
        report.senseKey === MEDIUM_ERROR &&
        (isSpoiled ||
          mayNotWrite ||
          lab.hasPulled ||
          isLeaving(lab, request) ||
          lab.failures.mayFail(request.table, segmentsOfBlocks(request.blocks), start))
      );
    }
  }
}

/** The device of one of its segments is taken out by force: the controller may have none of it open before all that lies there fails. */
function isLeaving({ durable }: Lab, { table, blocks }: Request): boolean {
  const entries = segmentsOfBlocks(blocks).map((segment) => durable.entry(table, segment));
  return entries.some((entry) => entry !== undefined && durable.isRemoved(entry.path));
}

/** What may have kept something that began at `start` from being written. A device of which a sync has failed has none that succeeds. */
function troubles(lab: Lab, start: number): Trouble[] {
  const isUnsynced = [...lab.disks.values()].some(({ failedSyncs }) => failedSyncs > 0);
  const kinds = (["write", "full", "sync"] as const).filter((kind) => lab.troubledUntil(kind) >= start);
  return isUnsynced ? [...kinds, "sync"] : kinds;
}

function isSame(a: ErrorReport, b: ErrorReport): boolean {
  return a.senseKey === b.senseKey && a.asc === b.asc && a.ascq === b.ascq;
}
