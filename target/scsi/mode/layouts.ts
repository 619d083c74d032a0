/** The formats of MODE SENSE and MODE SELECT (SPC-4 7.5, SBC-4 6.5). */
import { bit, bits, struct, uint } from "../fields.ts";

export interface PageLayout {
  readonly bytes: number;
  encode(values: Readonly<Record<string, number>>): Buffer;
  decode(from: Uint8Array): Readonly<Record<string, number>>;
}

/** SPC-4 7.5.5, table 449. */
export const ModeHeader6 = struct(4, {
  dataBytes: uint(0, 1),
  mediumType: uint(1, 1),
  writeProtected: bit(2, 7),
  dpoFua: bit(2, 4),
  blockDescriptorBytes: uint(3, 1),
});
/** SPC-4 7.5.5, table 450. */
export const ModeHeader10 = struct(8, {
  dataBytes: uint(0, 2),
  mediumType: uint(2, 1),
  writeProtected: bit(3, 7),
  dpoFua: bit(3, 4),
  longLba: bit(4, 0),
  blockDescriptorBytes: uint(6, 2),
});
/** SBC-4 6.5.2.2. */
export const ShortBlockDescriptor = struct(8, { blocks: uint(0, 4), blockBytes: uint(5, 3) });
/** SBC-4 6.5.2.3. */
export const LongBlockDescriptor = struct(16, { blocks: uint(0, 8), blockBytes: uint(12, 4) });

const header = { subpageFormat: bit(0, 6), pageCode: bits(0, 5, 6), pageBytes: uint(1, 1) };
/** SPC-4 7.5.7, table 452: page_0 mode page format. */
export const PageHeader = struct(2, header);

/** 01h (SBC-4 6.5.8). */
export const ErrorRecoveryPage = struct(12, header);
/** 02h (SPC-4 7.5.10). */
export const DisconnectReconnectPage = struct(16, header);
/** 08h (SBC-4 6.5.6). */
export const CachingPage = struct(20, { ...header, writeCache: bit(2, 2) });
/** 0Ah (SPC-4 7.5.8). */
export const ControlPage = struct(12, {
  ...header,
  descriptorSense: bit(2, 2),
  queueAlgorithmModifier: bits(3, 7, 4),
  softwareWriteProtect: bit(4, 3),
  taskAbortedStatus: bit(5, 6),
  busyTimeout: uint(8, 2),
});
/** 1Ch (SBC-4 6.5.9). */
export const InformationalExceptionsPage = struct(12, { ...header, disableExceptions: bit(2, 3) });
