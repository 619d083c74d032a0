/** Where an image has data and where holes, as whole blocks: a block with any data is mapped. */
import type { ProvisioningExtent, ProvisioningStatus } from "./block-device.ts";
import { nextData, nextHole } from "./syscalls/seek.ts";

/** A file in more pieces is told of in several answers: each piece costs two system calls in the loop. */
const MAX_EXTENTS = 1024;

export function sparseExtents(fd: number, offset: number, length: number, blockBytes: number): ProvisioningExtent[] {
  const end = offset + length;
  const extents: ProvisioningExtent[] = [];
  const add = (from: number, to: number, status: ProvisioningStatus): number => {
    if (to > from) extents.push({ offset: from, length: to - from, status });
    return Math.max(from, to);
  };
  for (let at = offset; at < end && extents.length < MAX_EXTENTS; ) {
    const data = nextData(fd, at) ?? end;
    at = add(at, Math.min(end, data - (data % blockBytes)), "deallocated");
    if (at >= end) break;
    const hole = nextHole(fd, Math.max(at, data));
    at = add(at, Math.min(end, Math.ceil(hole / blockBytes) * blockBytes), "mapped");
  }
  return extents;
}
