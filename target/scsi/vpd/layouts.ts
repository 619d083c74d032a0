/** The formats of vital product data (SPC-4 7.8, SBC-4 6.6): `VpdHeader`, then the body, whose offsets are those of the standard less four. */
import { bits, flag, layout, uint } from "../../wire/layout.ts";

/** SPC-4 7.8.2, table 599; PERIPHERAL is 00h, a connected block device. */
export const VpdHeader = layout(4, { peripheral: uint(0, 1), pageCode: uint(1, 1), pageBytes: uint(2, 2) });

/** SPC-4 7.8.6.1, table 613. */
export const DesignatorHeader = layout(4, {
  protocolIdentifier: bits(0, 4, 4),
  codeSet: bits(0, 0, 4),
  protocolKnown: flag(1, 7),
  association: bits(1, 4, 2),
  type: bits(1, 0, 4),
  valueBytes: uint(3, 1),
});
/** SPC-4 7.8.6.7 and 7.8.6.8. */
export const RelativePortDesignator = layout(4, { relativePortId: uint(2, 2) });
export const PortGroupDesignator = layout(4, { portGroup: uint(2, 2) });

/** 86h (SPC-4 7.8.7). */
export const ExtendedInquiryPage = layout(60, {
  headOfQueue: flag(1, 2),
  ordered: flag(1, 1),
  simple: flag(1, 0),
  volatileCache: flag(2, 0),
});

/** 87h (SPC-4 7.8.8). */
export const ModePagePolicyDescriptor = layout(4, {
  pageCode: bits(0, 0, 6),
  subpageCode: uint(1, 1),
  policy: bits(2, 0, 2),
});

/** B0h (SBC-4 6.6.4). */
export const BlockLimitsPage = layout(60, {
  writeSameNonZero: flag(0, 0),
  maxCompareAndWriteBlocks: uint(1, 1),
  optimalGranularityBlocks: uint(2, 2),
  maxTransferBlocks: uint(4, 4),
  optimalTransferBlocks: uint(8, 4),
  maxUnmapBlocks: uint(16, 4),
  maxUnmapDescriptors: uint(20, 4),
  optimalUnmapBlocks: uint(24, 4),
  unmapAlignmentValid: flag(28, 7),
  maxWriteSameBlocks: uint(32, 8),
  maxAtomicBlocks: uint(40, 4),
});

/** B1h (SBC-4 6.6.2). */
export const BlockCharacteristicsPage = layout(60, {
  rotationRate: uint(0, 2),
  readsAfterBlockErase: bits(3, 6, 2),
  readsAfterCryptoErase: bits(3, 4, 2),
});

/** B2h (SBC-4 6.6.6). */
export const ProvisioningPage = layout(4, {
  thresholdExponent: uint(0, 1),
  unmap: flag(1, 7),
  writeSame16: flag(1, 6),
  writeSame10: flag(1, 5),
  readsZeros: bits(1, 2, 3),
  anchors: flag(1, 1),
  provisioningType: bits(2, 0, 3),
});
