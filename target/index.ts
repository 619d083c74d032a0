/**
 * node-iscsi-target: an iSCSI target in TypeScript.
 * @module node-iscsi-target
 */
export type { ChapCredentials } from "./iscsi/chap.ts";
export type { Redirection, SessionKind } from "./iscsi/login-policy.ts";
export { Target, type TargetEvents } from "./iscsi/target.ts";
export { targetLimits } from "./iscsi/target-limits.ts";
export type {
  CommandRow,
  Portal,
  SessionRow,
  TargetAccess,
  TargetLimits,
  TargetLogger,
  TargetOptions,
} from "./iscsi/target-options.ts";
export { BlockDeviceServer, type DeviceServerOptions } from "./scsi/device-server.ts";
export { LogicalUnit, type LogicalUnitIdentity, type LogicalUnitOptions } from "./scsi/logical-unit.ts";
export { type Luns, ownIdentity } from "./scsi/own-units.ts";
export { FileReservationStore } from "./scsi/reservations/file-store.ts";
export { Reservations } from "./scsi/reservations/reservations.ts";
export type { ReservationState } from "./scsi/reservations/state.ts";
export { MemoryReservationStore, type ReservationStore } from "./scsi/reservations/store.ts";
export { type BugLogger, FixedInventory, type LunInventory } from "./scsi/server-context.ts";
export type * from "./scsi/transport.ts";
export * from "./storage/block-device.ts";
export { EncryptedDevice } from "./storage/encryption/encrypted-device.ts";
export { KeyFile } from "./storage/encryption/key-file.ts";
export { type KeyStore, MemoryKeyStore } from "./storage/encryption/key-store.ts";
export type { IoMode } from "./storage/engine/engine.ts";
export { FileDevice, type FileDeviceOptions } from "./storage/file-device.ts";
export { MemoryDevice, type MemoryDeviceOptions } from "./storage/memory-device.ts";
export { type CacheMode, type DeviceOptions, openDevice } from "./storage/open-device.ts";
export { UserError, type UserErrorCode } from "./storage/user-error.ts";
