/** Which ranges of segments a further table may have (pure). */
import type { TableRange } from "./resources.ts";

const MOST_RANGES = 1024;

/** A disk as its tables see it: its segments, the last perhaps in part. */
export interface Extent {
  readonly name: string;
  readonly sizeBytes: number;
  readonly segmentBytes: number;
}

/** A sentence about what is wrong; undefined: nothing. */
export function problemOfRanges(ranges: readonly TableRange[], disk: Extent): string | undefined {
  const segments = segmentsOf(disk);
  if (ranges.length === 0 || ranges.length > MOST_RANGES)
    return `A table has 1 to ${MOST_RANGES} ranges of segments, and not ${ranges.length}; give as many.`;
  const outside = ranges.find(({ first, count }) => !(first >= 0 && count > 0 && first + count <= segments));
  if (outside !== undefined)
    return `Disk '${disk.name}' has the segments 0 to ${segments - 1}, and not all of ${rangeText(outside)}; name some of those.`;
  const sorted = ranges.toSorted((a, b) => a.first - b.first);
  const twice = sorted.find(({ first }, at) => at > 0 && endOf(sorted[at - 1] as TableRange) > first);
  if (twice !== undefined)
    return `Segment ${twice.first} is in two ranges; a table holds a segment once, since its hosts would not know that two of its blocks are one.`;
  const isInPart = disk.sizeBytes % disk.segmentBytes !== 0;
  const last = ranges.findIndex((range) => endOf(range) === segments);
  if (isInPart && last >= 0 && last < ranges.length - 1)
    return `Segment ${segments - 1}, the last of disk '${disk.name}', is only used in part; put its range last, or leave the segment out.`;
  return undefined;
}

/** Capacity of a table, bytes. */
export function sizeOfRanges(ranges: readonly TableRange[], disk: Extent): number {
  const segments = ranges.reduce((sum, { count }) => sum + count, 0);
  const hasLast = ranges.some((range) => endOf(range) === segmentsOf(disk));
  const missing = hasLast ? segmentsOf(disk) * disk.segmentBytes - disk.sizeBytes : 0;
  return segments * disk.segmentBytes - missing;
}

export function rangeText({ first, count }: TableRange): string {
  return `${first}-${first + count - 1}`;
}

function segmentsOf({ sizeBytes, segmentBytes }: Extent): number {
  return Math.ceil(sizeBytes / segmentBytes);
}

function endOf({ first, count }: TableRange): number {
  return first + count;
}
