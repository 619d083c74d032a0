/** The formats of MODE SENSE and MODE SELECT (SPC-4 7.5, SBC-4 6.5). */
import { bits, flag, layout, uint } from "../../wire/layout.ts";

export interface PageLayout {
  readonly sizeBytes: number;
  encode(values: Readonly<Record<string, number>>): Buffer;
  decode(from: Uint8Array): Readonly<Record<string, number>>;
}

/** SPC-4 7.5.5, table 449. */
export const ModeHeader6 = layout(4, {
  dataBytes: uint(0, 1),
  mediumType: uint(1, 1),
  writeProtected: flag(2, 7),
  dpoFua: flag(2, 4),
  blockDescriptorBytes: uint(3, 1),
});
/** SPC-4 7.5.5, table 450. */
export const ModeHeader10 = layout(8, {
  dataBytes: uint(0, 2),
  mediumType: uint(2, 1),
  writeProtected: flag(3, 7),
  dpoFua: flag(3, 4),
  longLba: flag(4, 0),
  blockDescriptorBytes: uint(6, 2),
});
/** SBC-4 6.5.2.2. */
export const ShortBlockDescriptor = layout(8, { blocks: uint(0, 4), blockBytes: uint(5, 3) });
/** SBC-4 6.5.2.3. */
export const LongBlockDescriptor = layout(16, { blocks: uint(0, 8), blockBytes: uint(12, 4) });

const header = { subpageFormat: flag(0, 6), pageCode: bits(0, 0, 6), pageBytes: uint(1, 1) };
/** SPC-4 7.5.7, table 452: page_0 mode page format. */
export const PageHeader = layout(2, header);

/** 01h (SBC-4 6.5.8). */
export const ErrorRecoveryPage = layout(12, header);
/** 02h (SPC-4 7.5.10). */
export const DisconnectReconnectPage = layout(16, header);
/** 08h (SBC-4 6.5.6). */
export const CachingPage = layout(20, { ...header, writeCache: flag(2, 2) });
/** 0Ah (SPC-4 7.5.8). */
export const ControlPage = layout(12, {
  ...header,
  descriptorSense: flag(2, 2),
  queueAlgorithmModifier: bits(3, 4, 4),
  softwareWriteProtect: flag(4, 3),
  taskAbortedStatus: flag(5, 6),
  busyTimeout: uint(8, 2),
});
const subpageHeader = {
  subpageFormat: flag(0, 6),
  pageCode: bits(0, 0, 6),
  subpageCode: uint(1, 1),
  pageBytes: uint(2, 2),
};
/** SPC-4 7.5.7, table 453: sub_page mode page format. */
export const SubpageHeader = layout(4, subpageHeader);
/** 0Ah/01h, Control Extension (SPC-4 7.5.9). */
export const ControlExtensionPage = layout(32, {
  ...subpageHeader,
  implicitAccessStates: flag(4, 0),
  maxSenseBytes: uint(6, 1),
});

/** 1Ch (SBC-4 6.5.9). */
export const InformationalExceptionsPage = layout(12, { ...header, disableExceptions: flag(2, 3) });
