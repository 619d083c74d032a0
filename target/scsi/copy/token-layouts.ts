/** The formats of ROD tokens and of the commands that make and use them (SPC-4 5.17.6, SBC-4 5.12, 5.25, 5.59). */
import { bits, bytes, flag, layout, uint, uint64 } from "../../wire/layout.ts";

/** A ROD token, of whichever type, has this many bytes here. */
export const ROD_TOKEN_BYTES = 512;

/** ROD TYPE (SPC-4 table 110, SBC-4 table 30): those that are made, asked for or taken here. */
export const RodType = {
  POINT_IN_TIME_DEFAULT: 0x0080_0000,
  CHANGE_VULNERABLE: 0x0080_0001,
  POINT_IN_TIME_ANY: 0x0080_ffff,
  ZERO: 0xffff_0001,
} as const;

/** Generic ROD token (SPC-4 5.17.6.5.1, table 112), with the device type specific data of block devices. */
export const RodToken = layout(ROD_TOKEN_BYTES, {
  type: uint(0, 4),
  followingBytes: uint(6, 2),
  id: uint64(8),
  creator: bytes(16, 32),
  /** NUMBER OF BYTES REPRESENTED has 16 bytes, of which eight are enough. */
  representedBytes: uint(56, 8),
  blockBytes: uint(96, 4),
  physicalExponent: bits(101, 0, 4),
  provisioningManaged: flag(102, 7),
  readsZeros: flag(102, 6),
  targetDevice: bytes(128, 128),
  random: bytes(256, 256),
});

/** Parameter list of POPULATE TOKEN (SBC-4 5.12.2, table 72); block device range descriptors follow. */
export const PopulateTokenHeader = layout(16, {
  followingBytes: uint(0, 2),
  typeValid: flag(2, 1),
  immediate: flag(2, 0),
  inactivityS: uint(4, 4),
  type: uint(8, 4),
  rangeBytes: uint(14, 2),
});

/** Parameter list of WRITE USING TOKEN (SBC-4 5.59.2, table 159); block device range descriptors follow. */
export const WriteUsingTokenHeader = layout(536, {
  followingBytes: uint(0, 2),
  deleteToken: flag(2, 1),
  immediate: flag(2, 0),
  offsetBlocks: uint(8, 8),
  token: bytes(16, ROD_TOKEN_BYTES),
  rangeBytes: uint(534, 2),
});

/** Block device range descriptor (SBC-4 5.12.3, table 73). */
export const RangeDescriptor = layout(16, { lba: uint(0, 8), blocks: uint(8, 4) });

/** Before the one ROD token that RECEIVE ROD TOKEN INFORMATION returns (SPC-4 tables 256 and 257): its length, and what is reserved here. */
export const RodTokenDescriptorHeader = layout(6, { descriptorBytes: uint(0, 4) });

/** VPD page 8Fh, Block Device ROD Limits (SBC-4 6.6.9.3): descriptor 0000h. */
export const BlockRodLimitsData = layout(32, {
  maxRanges: uint(6, 2),
  maxInactivityS: uint(8, 4),
  defaultInactivityS: uint(12, 4),
  maxTransferBlocks: uint(16, 8),
  optimalTransferBlocks: uint(24, 8),
});

/** VPD page 8Fh, ROD Token Features (SPC-4 7.8.17.8): descriptor 0106h, with the features of block devices. */
export const RodTokenFeaturesData = layout(92, {
  /** 0: tokens are of use only in the target device that made them. */
  remoteTokens: bits(0, 0, 4),
  minLifetimeS: uint(12, 4),
  maxLifetimeS: uint(16, 4),
  maxInactivityS: uint(20, 4),
  featuresBytes: uint(42, 2),
  /** Block ROD device type specific features (SBC-4): type 00h. */
  blockFeatureBytes: uint(46, 2),
  maxBytes: uint(52, 8),
  optimalBytes: uint(60, 8),
  optimalBytesToToken: uint(68, 8),
  optimalBytesFromToken: uint(76, 8),
});

/** VPD page 8Fh, Supported ROD Types (SPC-4 7.8.17.9): descriptor 0108h; a descriptor for each type follows. */
export const SupportedRodTypesHeader = layout(4, { typesBytes: uint(2, 2) });
export const SupportedRodType = layout(64, {
  type: uint(0, 4),
  /** Takes it in parameter lists, and returns it. */
  tokenIn: flag(4, 1),
  tokenOut: flag(4, 0),
  preference: uint(6, 2),
});
