/** The basic header segments of RFC 7143 clause 11, declared once each. */
import { bits, flag, layout, uint } from "../wire/layout.ts";

export const BHS_BYTES = 48;

const common = {
  opcode: bits(0, 0, 6),
  totalAhsLength: uint(4, 1),
  dataSegmentLength: uint(5, 3),
  initiatorTaskTag: uint(16, 4),
};
const request = { ...common, immediate: flag(0, 6), cmdSn: uint(24, 4), expStatSn: uint(28, 4) };
const response = { ...common, statSn: uint(24, 4), expCmdSn: uint(28, 4), maxCmdSn: uint(32, 4) };

/** 11.2.1. */
export const Bhs = layout(BHS_BYTES, { ...common, immediate: flag(0, 6), final: flag(1, 7) });

/** 11.3; the CDB stands in bytes 32 to 47. */
export const ScsiCommandPdu = layout(BHS_BYTES, {
  ...request,
  final: flag(1, 7),
  read: flag(1, 6),
  write: flag(1, 5),
  attribute: bits(1, 0, 3),
  expectedDataTransferLength: uint(20, 4),
});

/** 11.4. */
export const ScsiResponsePdu = layout(BHS_BYTES, {
  ...response,
  final: flag(1, 7),
  overflow: flag(1, 2),
  underflow: flag(1, 1),
  response: uint(2, 1),
  status: uint(3, 1),
  residualCount: uint(44, 4),
});

/** 11.5. */
export const TaskManagementRequestPdu = layout(BHS_BYTES, {
  ...request,
  function: bits(1, 0, 7),
  referencedTaskTag: uint(20, 4),
  refCmdSn: uint(32, 4),
});
/** 11.6. */
export const TaskManagementResponsePdu = layout(BHS_BYTES, { ...response, final: flag(1, 7), response: uint(2, 1) });

/** 11.7, Data-Out. */
export const DataOutPdu = layout(BHS_BYTES, {
  ...common,
  final: flag(1, 7),
  targetTransferTag: uint(20, 4),
  dataSn: uint(36, 4),
  bufferOffset: uint(40, 4),
});
/** 11.7, Data-In. */
export const DataInPdu = layout(BHS_BYTES, {
  ...response,
  final: flag(1, 7),
  overflow: flag(1, 2),
  underflow: flag(1, 1),
  hasStatus: flag(1, 0),
  status: uint(3, 1),
  targetTransferTag: uint(20, 4),
  dataSn: uint(36, 4),
  bufferOffset: uint(40, 4),
  residualCount: uint(44, 4),
});

/** 11.8. */
export const R2tPdu = layout(BHS_BYTES, {
  ...response,
  final: flag(1, 7),
  targetTransferTag: uint(20, 4),
  r2tSn: uint(36, 4),
  bufferOffset: uint(40, 4),
  desiredDataTransferLength: uint(44, 4),
});

/** 11.9. */
export const AsyncMessagePdu = layout(BHS_BYTES, {
  ...response,
  final: flag(1, 7),
  asyncEvent: uint(36, 1),
  parameter1: uint(38, 2),
  parameter2: uint(40, 2),
  parameter3: uint(42, 2),
});

/** 11.10 and 11.11. */
export const TextRequestPdu = layout(BHS_BYTES, {
  ...request,
  final: flag(1, 7),
  continue: flag(1, 6),
  targetTransferTag: uint(20, 4),
});
export const TextResponsePdu = layout(BHS_BYTES, {
  ...response,
  final: flag(1, 7),
  continue: flag(1, 6),
  targetTransferTag: uint(20, 4),
});

/** 11.12. */
export const LoginRequestPdu = layout(BHS_BYTES, {
  ...request,
  transit: flag(1, 7),
  continue: flag(1, 6),
  currentStage: bits(1, 2, 2),
  nextStage: bits(1, 0, 2),
  versionMax: uint(2, 1),
  versionMin: uint(3, 1),
  isid: uint(8, 6),
  tsih: uint(14, 2),
  cid: uint(20, 2),
});
/** 11.13. */
export const LoginResponsePdu = layout(BHS_BYTES, {
  ...response,
  transit: flag(1, 7),
  continue: flag(1, 6),
  currentStage: bits(1, 2, 2),
  nextStage: bits(1, 0, 2),
  versionMax: uint(2, 1),
  versionActive: uint(3, 1),
  isid: uint(8, 6),
  tsih: uint(14, 2),
  status: uint(36, 2),
});

/** 11.14 and 11.15. */
export const LogoutRequestPdu = layout(BHS_BYTES, { ...request, reason: bits(1, 0, 7), cid: uint(20, 2) });
export const LogoutResponsePdu = layout(BHS_BYTES, {
  ...response,
  final: flag(1, 7),
  response: uint(2, 1),
  timeToWait: uint(40, 2),
  timeToRetain: uint(42, 2),
});

/** 11.17. */
export const RejectPdu = layout(BHS_BYTES, { ...response, final: flag(1, 7), reason: uint(2, 1) });

/** 11.18 and 11.19. */
export const NopOutPdu = layout(BHS_BYTES, { ...request, final: flag(1, 7), targetTransferTag: uint(20, 4) });
export const NopInPdu = layout(BHS_BYTES, { ...response, final: flag(1, 7), targetTransferTag: uint(20, 4) });

/** The LUN of a header as the device server wants it: a number where that is exact. */
export function wireLun(header: Buffer): bigint | number {
  const high = header.readUInt32BE(8);
  const low = header.readUInt32BE(12);
  return low === 0 ? high * 2 ** 32 : (BigInt(high) << 32n) | BigInt(low);
}
