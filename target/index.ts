/** node-iscsi-target: an iSCSI target in TypeScript. */
export type { ChapCredentials } from "./iscsi/chap.ts";
export type { Redirection, SessionKind } from "./iscsi/login-policy.ts";
export { Target, type TargetEvents } from "./iscsi/target.ts";
export type {
  Portal,
  SessionRow,
  TargetAccess,
  TargetLimits,
  TargetLogger,
  TargetOptions,
} from "./iscsi/target-options.ts";
export { BlockDeviceServer } from "./scsi/device-server.ts";
export { LogicalUnit, type LogicalUnitIdentity } from "./scsi/logical-unit.ts";
export { type Luns, ownIdentity } from "./scsi/own-units.ts";
export { FixedInventory, type LunInventory } from "./scsi/server-context.ts";
export * from "./storage/block-device.ts";
export { FileDevice } from "./storage/file-device.ts";
export { MemoryDevice, type MemoryDeviceOptions } from "./storage/memory-device.ts";
export { type CacheMode, type DeviceOptions, openDevice } from "./storage/open-device.ts";
export { UserError } from "./storage/user-error.ts";
