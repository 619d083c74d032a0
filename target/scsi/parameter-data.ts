/** What commands return and take beside blocks: the formats of parameter data (SPC-4 6, SBC-4 5). */
import { bit, bits, struct, uint } from "./fields.ts";

/** Standard INQUIRY data (SPC-4 6.4.2, table 141), with room for eight version descriptors. */
export const InquiryData = struct(96, {
  peripheral: uint(0, 1),
  removable: bit(1, 7),
  version: uint(2, 1),
  hierarchicalLuns: bit(3, 4),
  responseFormat: bits(3, 3, 4),
  additionalBytes: uint(4, 1),
  portGroups: bits(5, 5, 2),
  commandQueuing: bit(7, 1),
});

/** SBC-4 5.16.2. */
export const Capacity10Data = struct(8, { lastLba: uint(0, 4), blockBytes: uint(4, 4) });
/** SBC-4 5.17.2. */
export const Capacity16Data = struct(32, {
  lastLba: uint(0, 8),
  blockBytes: uint(8, 4),
  provisioningManaged: bit(14, 7),
  readsZeros: bit(14, 6),
});

/** SBC-4 5.30.2. */
export const UnmapHeader = struct(8, { dataBytes: uint(0, 2), descriptorBytes: uint(2, 2) });
export const UnmapDescriptor = struct(16, { lba: uint(0, 8), blocks: uint(8, 4) });

/** SBC-4 5.6.2. */
export const LbaStatusHeader = struct(8, { parameterBytes: uint(0, 4) });
export const LbaStatusDescriptor = struct(16, { lba: uint(0, 8), blocks: uint(8, 4), status: bits(12, 3, 4) });

/** SPC-4 6.33.2. */
export const ReportLunsHeader = struct(8, { listBytes: uint(0, 4) });

/** SPC-4 6.35.2. */
export const OperationListHeader = struct(4, { listBytes: uint(0, 4) });
export const OperationDescriptor = struct(8, {
  opcode: uint(0, 1),
  serviceAction: uint(2, 2),
  timeoutsPresent: bit(5, 1),
  serviceActionValid: bit(5, 0),
  cdbBytes: uint(6, 2),
});
/** SPC-4 6.35.3; the CDB USAGE DATA follows. */
export const OneCommandHeader = struct(4, { timeoutsPresent: bit(1, 7), support: bits(1, 2, 3), cdbBytes: uint(2, 2) });
/** SPC-4 6.35.4. */
export const TimeoutsDescriptor = struct(12, {
  descriptorBytes: uint(0, 2),
  nominalS: uint(4, 4),
  recommendedS: uint(8, 4),
});

/** SPC-4 6.36.3: the extended form; the basic one is its first four bytes. */
export const TaskManagementData = struct(16, {
  abortTask: bit(0, 7),
  abortTaskSet: bit(0, 6),
  clearTaskSet: bit(0, 4),
  logicalUnitReset: bit(0, 3),
  targetReset: bit(0, 1),
  additionalBytes: uint(3, 1),
});

/** SPC-4 6.37. */
export const GroupsHeader = struct(4, { listBytes: uint(0, 4) });
export const ExtendedGroupsHeader = struct(8, { listBytes: uint(0, 4), format: bits(4, 6, 3) });
export const PortGroupDescriptor = struct(8, {
  accessState: bits(0, 3, 4),
  activeOptimizedSupported: bit(1, 0),
  portGroup: uint(2, 2),
  portCount: uint(7, 1),
});
export const PortDescriptor = struct(4, { relativePortId: uint(2, 2) });
