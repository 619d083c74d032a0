/** `node-iscsi-target/conformance`: a suite for those who write a BlockDevice of their own. */
export {
  type BlockDeviceClause,
  blockDeviceClauses,
  CONFORMANCE_BYTES,
  type ConformanceOptions,
} from "./block-device.ts";
