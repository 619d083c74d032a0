/**
 * A suite for those who write a BlockDevice of their own.
 * @module node-iscsi-target/conformance
 */
export {
  type BlockDeviceClause,
  blockDeviceClauses,
  CONFORMANCE_BYTES,
  type ConformanceOptions,
} from "./block-device.ts";
