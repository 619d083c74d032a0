/** What a mapping table says of allocation (SBC-4 5.6, GET LBA STATUS): an extent for each segment. */
import type { ProvisioningExtent } from "../storage/block-device.ts";
import { EntryState } from "./entry.ts";
import type { MappingTable } from "./mapping-table.ts";

/** Of [offset, offset+length) in bytes; no entry of it is Inv. */
export function extentsOf(
  table: MappingTable,
  segmentBytes: number,
  offset: number,
  length: number,
): ProvisioningExtent[] {
  const end = offset + length;
  const extents: ProvisioningExtent[] = [];
  for (let segment = Math.floor(offset / segmentBytes); segment * segmentBytes < end; segment += 1) {
    const from = Math.max(offset, segment * segmentBytes);
    const to = Math.min(end, (segment + 1) * segmentBytes);
    const status = table.word0(segment) & EntryState.ZERO ? "deallocated" : "mapped";
    extents.push({ offset: from, length: to - from, status });
  }
  return extents;
}
