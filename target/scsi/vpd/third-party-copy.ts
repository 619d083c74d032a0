/** VPD page 8Fh, Third-party Copy (SPC-4 7.8.17, SBC-4 6.6.9), without its header of four bytes. */
import {
  type CdbLayout,
  CopyFailureDetailsLid1,
  CopyStatusLid1,
  CopyStatusLid4,
  ExtendedCopy,
  ExtendedCopyLid4,
  OperatingParametersLid1,
  PopulateToken,
  RodTokenInformation,
  WriteUsingToken,
} from "../cdb.ts";
import { CopyParameterData, GeneralCopyData, ThirdPartyHeader } from "../copy/layouts.ts";
import * as limits from "../copy/limits.ts";
import { offersTokens } from "../copy/rod-tokens.ts";
import {
  BlockRodLimitsData,
  RodTokenFeaturesData,
  RodType,
  SupportedRodType,
  SupportedRodTypesHeader,
} from "../copy/token-layouts.ts";
import type { LogicalUnit } from "../logical-unit.ts";

const COPY_COMMANDS = [
  ExtendedCopy,
  ExtendedCopyLid4,
  CopyStatusLid1,
  OperatingParametersLid1,
  CopyFailureDetailsLid1,
  CopyStatusLid4,
];
const TOKEN_COMMANDS = [PopulateToken, WriteUsingToken, RodTokenInformation];

/** SPC-4 table 655. */
const Type = {
  BLOCK_ROD_LIMITS: 0x0000,
  SUPPORTED_COMMANDS: 0x0001,
  PARAMETER_DATA: 0x0004,
  SUPPORTED_DESCRIPTORS: 0x0008,
  ROD_TOKEN_FEATURES: 0x0106,
  SUPPORTED_ROD_TYPES: 0x0108,
  GENERAL_COPY: 0x8001,
} as const;

/** Inside one ROD descriptor: what follows TYPE SPECIFIC FEATURES LENGTH, and what follows the length of the features themselves. */
const BLOCK_FEATURES_BYTES = 48;
/** PREFERENCE INDICATOR: none is said. */
const NO_PREFERENCE = 0;

export function thirdPartyCopy(unit: LogicalUnit): Uint8Array {
  const tokens = offersTokens(unit);
  const commands = tokens ? [...COPY_COMMANDS, ...TOKEN_COMMANDS] : COPY_COMMANDS;
  const general = GeneralCopyData.encode({
    totalConcurrentCopies: limits.MAX_CONCURRENT_COPIES,
    maxIdentifiedCopies: limits.MAX_CONCURRENT_COPIES,
    maxSegmentBytes: limits.MAX_SEGMENT_BYTES,
    dataGranularity: limits.DATA_GRANULARITY,
  });
  return Buffer.concat([
    ...(tokens ? [descriptor(Type.BLOCK_ROD_LIMITS, blockRodLimits(unit))] : []),
    descriptor(Type.SUPPORTED_COMMANDS, listOf(supportedCommands(commands))),
    descriptor(Type.PARAMETER_DATA, parameterData()),
    descriptor(Type.SUPPORTED_DESCRIPTORS, listOf(Object.values(limits.DescriptorType))),
    ...(tokens
      ? [
          descriptor(Type.ROD_TOKEN_FEATURES, tokenFeatures()),
          descriptor(Type.SUPPORTED_ROD_TYPES, supportedRodTypes()),
        ]
      : []),
    descriptor(Type.GENERAL_COPY, general),
  ]);
}

/** For each operation code its service actions (SPC-4 7.8.17.4). */
function supportedCommands(commands: readonly CdbLayout[]): number[] {
  const byOpcode = Map.groupBy(commands, ({ opcode }) => opcode);
  return [...byOpcode].flatMap(([opcode, layouts]) => [
    opcode,
    layouts.length,
    ...layouts.map(({ serviceAction }) => serviceAction ?? 0),
  ]);
}

function parameterData(): Uint8Array {
  return CopyParameterData.encode({
    maxCscds: limits.MAX_CSCDS,
    maxSegments: limits.MAX_SEGMENTS,
    maxDescriptorBytes: limits.MAX_DESCRIPTOR_BYTES,
  });
}

function blockRodLimits({ blockBytes }: LogicalUnit): Uint8Array {
  return BlockRodLimitsData.encode({
    maxRanges: limits.MAX_TOKEN_RANGES,
    maxInactivityS: limits.MAX_INACTIVITY_S,
    defaultInactivityS: limits.DEFAULT_INACTIVITY_S,
    maxTransferBlocks: limits.MAX_TOKEN_BYTES / blockBytes,
    optimalTransferBlocks: limits.OPTIMAL_TOKEN_BYTES / blockBytes,
  });
}

function tokenFeatures(): Uint8Array {
  return RodTokenFeaturesData.encode({
    minLifetimeS: limits.TOKEN_LIFETIME_S,
    maxLifetimeS: limits.TOKEN_LIFETIME_S,
    maxInactivityS: limits.MAX_INACTIVITY_S,
    featuresBytes: BLOCK_FEATURES_BYTES,
    blockFeatureBytes: BLOCK_FEATURES_BYTES - 4,
    maxBytes: limits.MAX_TOKEN_BYTES,
    optimalBytes: limits.OPTIMAL_TOKEN_BYTES,
    optimalBytesToToken: limits.MAX_TOKEN_BYTES,
    optimalBytesFromToken: limits.OPTIMAL_TOKEN_BYTES,
  });
}

/** Tokens of one type are made, and taken; that of zeros is only taken. */
function supportedRodTypes(): Uint8Array {
  const types = [
    { type: RodType.CHANGE_VULNERABLE, tokenIn: 1, tokenOut: 1 },
    { type: RodType.ZERO, tokenIn: 1, tokenOut: 0 },
  ].map((fields) => SupportedRodType.encode({ ...fields, preference: NO_PREFERENCE }));
  const list = Buffer.concat(types);
  return Buffer.concat([SupportedRodTypesHeader.encode({ typesBytes: list.length }), list]);
}

function listOf(bytes: readonly number[]): Uint8Array {
  return Buffer.from([bytes.length, ...bytes]);
}

/** Filled to a multiple of four bytes. */
function descriptor(type: number, body: Uint8Array): Uint8Array {
  const padded = Buffer.alloc(Math.ceil(body.length / 4) * 4);
  padded.set(body);
  return Buffer.concat([ThirdPartyHeader.encode({ type, descriptorBytes: padded.length }), padded]);
}
