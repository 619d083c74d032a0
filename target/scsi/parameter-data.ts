/** What commands return and take beside blocks: the formats of parameter data (SPC-4 6, SBC-4 5). */
import { bits, flag, layout, uint } from "../wire/layout.ts";

/** Standard INQUIRY data (SPC-4 6.4.2, table 141), with room for eight version descriptors. */
export const InquiryData = layout(96, {
  peripheral: uint(0, 1),
  removable: flag(1, 7),
  version: uint(2, 1),
  hierarchicalLuns: flag(3, 4),
  responseFormat: bits(3, 0, 4),
  additionalBytes: uint(4, 1),
  portGroups: bits(5, 4, 2),
  thirdPartyCopy: flag(5, 3),
  commandQueuing: flag(7, 1),
});

/** SBC-4 5.16.2. */
export const Capacity10Data = layout(8, { lastLba: uint(0, 4), blockBytes: uint(4, 4) });
/** SBC-4 5.17.2. */
export const Capacity16Data = layout(32, {
  lastLba: uint(0, 8),
  blockBytes: uint(8, 4),
  /** LOGICAL BLOCKS PER PHYSICAL BLOCK EXPONENT. */
  physicalExponent: bits(13, 0, 4),
  provisioningManaged: flag(14, 7),
  readsZeros: flag(14, 6),
});

/** SBC-4 5.30.2. */
export const UnmapHeader = layout(8, { dataBytes: uint(0, 2), descriptorBytes: uint(2, 2) });
export const UnmapDescriptor = layout(16, { lba: uint(0, 8), blocks: uint(8, 4) });

/** SBC-4 5.6.2. */
export const LbaStatusHeader = layout(8, { parameterBytes: uint(0, 4) });
export const LbaStatusDescriptor = layout(16, { lba: uint(0, 8), blocks: uint(8, 4), status: bits(12, 0, 4) });

/** SANITIZE OVERWRITE (SBC-4 5.35.2.3); the pattern follows. */
export const OverwriteList = layout(4, {
  invert: flag(0, 7),
  test: bits(0, 5, 2),
  passes: bits(0, 0, 5),
  patternBytes: uint(2, 2),
});
/** FORMAT UNIT (SBC-4 5.3.2.2). */
const formatOptions = { protectionUsage: bits(0, 0, 3), initializationPattern: flag(1, 3), immediate: flag(1, 1) };
export const FormatHeaderShort = layout(4, { ...formatOptions, defectBytes: uint(2, 2) });
export const FormatHeaderLong = layout(8, { ...formatOptions, defectBytes: uint(4, 4) });
/** READ DEFECT DATA (SBC-4 5.18.2, 5.19.2). */
const defectLists = { primary: flag(1, 4), grown: flag(1, 3), format: bits(1, 0, 3) };
export const DefectHeader10 = layout(4, { ...defectLists, listBytes: uint(2, 2) });
export const DefectHeader12 = layout(8, { ...defectLists, listBytes: uint(4, 4) });

/** SPC-4 6.33.2. */
export const ReportLunsHeader = layout(8, { listBytes: uint(0, 4) });

/** SPC-4 6.35.2. */
export const OperationListHeader = layout(4, { listBytes: uint(0, 4) });
export const OperationDescriptor = layout(8, {
  opcode: uint(0, 1),
  serviceAction: uint(2, 2),
  timeoutsPresent: flag(5, 1),
  serviceActionValid: flag(5, 0),
  cdbBytes: uint(6, 2),
});
/** SPC-4 6.35.3; the CDB USAGE DATA follows. */
export const OneCommandHeader = layout(4, {
  timeoutsPresent: flag(1, 7),
  support: bits(1, 0, 3),
  cdbBytes: uint(2, 2),
});
/** SPC-4 6.35.4. */
export const TimeoutsDescriptor = layout(12, {
  descriptorBytes: uint(0, 2),
  nominalS: uint(4, 4),
  recommendedS: uint(8, 4),
});

/** SPC-4 6.36.3: the extended form; the basic one is its first four bytes. */
export const TaskManagementData = layout(16, {
  abortTask: flag(0, 7),
  abortTaskSet: flag(0, 6),
  clearTaskSet: flag(0, 4),
  logicalUnitReset: flag(0, 3),
  targetReset: flag(0, 1),
  additionalBytes: uint(3, 1),
});

/** SPC-4 6.37. */
export const GroupsHeader = layout(4, { listBytes: uint(0, 4) });
export const ExtendedGroupsHeader = layout(8, { listBytes: uint(0, 4), format: bits(4, 4, 3) });
export const PortGroupDescriptor = layout(8, {
  accessState: bits(0, 0, 4),
  unavailableSupported: flag(1, 3),
  standbySupported: flag(1, 2),
  activeNonOptimizedSupported: flag(1, 1),
  activeOptimizedSupported: flag(1, 0),
  portGroup: uint(2, 2),
  statusCode: uint(5, 1),
  portCount: uint(7, 1),
});
export const PortDescriptor = layout(4, { relativePortId: uint(2, 2) });
/** SPC-4 6.45. */
export const SetGroupsHeader = layout(4, {});
export const SetGroupDescriptor = layout(4, { accessState: bits(0, 0, 4), portGroup: uint(2, 2) });

/** READ BUFFER (SPC-4 6.24.5, 6.24.7). */
export const BufferDescriptor = layout(4, { offsetBoundary: uint(0, 1), capacity: uint(1, 3) });
export const EchoDescriptor = layout(4, { overwritesSupported: flag(0, 0), capacity: uint(2, 2) });

/** SPC-4 7.2.1. */
export const DiagnosticPageHeader = layout(4, { pageCode: uint(0, 1), pageBytes: uint(2, 2) });
