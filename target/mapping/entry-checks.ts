/** What the entries of a table let pass (docs/protocol.md, Entry states; precedence: E, Inv, Z, Nw). */
import type { IoResult } from "../storage/block-device.ts";
import { EntryState } from "./entry.ts";
import { isPlain, type MappingTable, senseOf } from "./mapping-table.ts";
import type { Access } from "./pieces.ts";

/** Which states make an access fault. E fails before this is asked. */
const FAULTS: Readonly<Record<Access, number>> = {
  read: EntryState.INVALID,
  zero: EntryState.INVALID | EntryState.NO_WRITE,
  write: EntryState.INVALID | EntryState.ZERO | EntryState.NO_WRITE,
};

/** Nothing where all of segments `first` to `last` let an access pass; the error of one that fails, or those that fault. */
export function obstacleIn(
  table: MappingTable,
  access: Access,
  first: number,
  last: number,
): undefined | IoResult | number[] {
  let faulting: number[] | undefined;
  for (let segment = first; segment <= last; segment += 1) {
    const word0 = table.word0(segment);
    if (isPlain(word0)) continue;
    if (word0 & EntryState.ERROR) return failed(table, segment);
    // What reads as zeros need not be zeroed.
    if (access === "zero" && (word0 & (EntryState.ZERO | EntryState.INVALID)) === EntryState.ZERO) continue;
    if (word0 & FAULTS[access]) {
      faulting ??= [];
      faulting.push(segment);
    }
  }
  return faulting;
}

/** Which of segments `first` to `end` (exclusive) are Inv; the error of one that fails. */
export function unknownIn(table: MappingTable, first: number, end: number): number[] | IoResult {
  const unknown: number[] = [];
  for (let segment = first; segment < end; segment += 1) {
    const word0 = table.word0(segment);
    if (word0 & EntryState.ERROR) return failed(table, segment);
    if (word0 & EntryState.INVALID) unknown.push(segment);
  }
  return unknown;
}

function failed(table: MappingTable, segment: number): IoResult {
  return { kind: "reported", report: senseOf(table.word1(segment)) };
}
