/** The formats of EXTENDED COPY and RECEIVE COPY RESULTS (SPC-4 6.3, 6.26, 6.27). */
import { bits, bytes, flag, layout, uint } from "../../wire/layout.ts";

/** Parameter list of EXTENDED COPY (LID1) (SPC-4 6.3.2, table 106); CSCD and segment descriptors follow. */
export const CopyHeader = layout(16, {
  listId: uint(0, 1),
  sequentialStriped: flag(1, 5),
  listIdUsage: bits(1, 3, 2),
  priority: bits(1, 0, 3),
  cscdBytes: uint(2, 2),
  segmentBytes: uint(8, 4),
  inlineBytes: uint(12, 4),
});

/** Parameter list of EXTENDED COPY (LID4) (SPC-4 6.4.2). */
export const CopyHeaderLid4 = layout(48, {
  format: uint(0, 1),
  sequentialStriped: flag(1, 5),
  listIdUsage: bits(1, 3, 2),
  priority: bits(1, 0, 3),
  headerCscdBytes: uint(2, 2),
  immediate: flag(15, 1),
  goodWithSense: flag(15, 0),
  headerCscdType: uint(16, 1),
  listId: uint(20, 4),
  cscdBytes: uint(42, 2),
  segmentBytes: uint(44, 2),
  inlineBytes: uint(46, 2),
});

/** Identification Descriptor CSCD descriptor (SPC-4 6.3.6.2); LU ID TYPE says nothing in one of this kind. */
export const CscdDescriptor = layout(32, {
  typeCode: uint(0, 1),
  nul: flag(1, 5),
  codeSet: bits(4, 0, 4),
  association: bits(5, 4, 2),
  designatorType: bits(5, 0, 4),
  designatorBytes: uint(7, 1),
  designator: bytes(8, 20),
  pad: flag(28, 2),
  blockBytes: uint(29, 3),
});

/** Block device to block device segment descriptor (SPC-4 6.3.7.5). */
export const BlockSegment = layout(28, {
  typeCode: uint(0, 1),
  destinationCount: flag(1, 1),
  descriptorBytes: uint(2, 2),
  source: uint(4, 2),
  destination: uint(6, 2),
  blocks: uint(10, 2),
  sourceLba: uint(12, 8),
  destinationLba: uint(20, 8),
});

/** COPY STATUS (SPC-4 6.27.2). */
export const CopyStatusData = layout(12, {
  availableBytes: uint(0, 4),
  status: bits(4, 0, 7),
  segments: uint(5, 2),
  transferUnits: uint(7, 1),
  transferCount: uint(8, 4),
});

/** RECEIVE COPY FAILURE DETAILS (LID1) (SPC-4 6.23); sense data follows. */
export const CopyFailureData = layout(60, {
  availableBytes: uint(0, 4),
  status: uint(56, 1),
  senseBytes: uint(58, 2),
});

/** RECEIVE COPY STATUS (LID4) (SPC-4 6.26.2); sense data follows. */
export const CopyStatusDataLid4 = layout(32, {
  availableBytes: uint(0, 4),
  serviceAction: bits(4, 0, 5),
  status: bits(5, 0, 7),
  updateDelayMs: uint(8, 4),
  completionStatus: uint(12, 1),
  senseFieldBytes: uint(13, 1),
  senseBytes: uint(14, 1),
  transferUnits: uint(15, 1),
  transferCount: uint(16, 8),
  segments: uint(24, 2),
});

/** OPERATING PARAMETERS (SPC-4 6.27.4); the implemented descriptor type codes follow. */
export const OperatingParameters = layout(44, {
  availableBytes: uint(0, 4),
  maxCscds: uint(8, 2),
  maxSegments: uint(10, 2),
  maxDescriptorBytes: uint(12, 4),
  maxSegmentBytes: uint(16, 4),
  maxInlineBytes: uint(20, 4),
  totalConcurrentCopies: uint(34, 2),
  maxConcurrentCopies: uint(36, 1),
  dataGranularity: uint(37, 1),
  descriptorTypes: uint(43, 1),
});

/** VPD page 8Fh (SPC-4 7.8.17): what every third-party copy descriptor begins with. */
export const ThirdPartyHeader = layout(4, { type: uint(0, 2), descriptorBytes: uint(2, 2) });
/** SPC-4 7.8.17.6: 0004h. */
export const CopyParameterData = layout(28, {
  maxCscds: uint(4, 2),
  maxSegments: uint(6, 2),
  maxDescriptorBytes: uint(8, 4),
  maxInlineBytes: uint(12, 4),
});
/** SPC-4 7.8.17.14: 8001h. */
export const GeneralCopyData = layout(32, {
  totalConcurrentCopies: uint(0, 4),
  maxIdentifiedCopies: uint(4, 4),
  maxSegmentBytes: uint(8, 4),
  dataGranularity: uint(12, 1),
});
