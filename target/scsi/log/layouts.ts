/** The formats of LOG SENSE (SPC-4 7.3, SBC-4 6.4). */
import { bits, flag, layout, uint } from "../../wire/layout.ts";

/** SPC-4 7.3.2, table 368. */
export const LogPageHeader = layout(4, {
  subpageFormat: flag(0, 6),
  pageCode: bits(0, 0, 6),
  subpageCode: uint(1, 1),
  pageBytes: uint(2, 2),
});
/** SPC-4 7.3.2.2; the value follows. FORMAT AND LINKING 11b is a binary list, 00b a counter that stops at its end. */
export const LogParameterHeader = layout(4, {
  code: uint(0, 2),
  formatAndLinking: bits(2, 0, 2),
  valueBytes: uint(3, 1),
});

/** 0Ch, resource counts (SBC-4 6.4.4.2). */
export const ResourceCount = layout(8, { count: uint(0, 4), scope: bits(4, 0, 2) });
/** 19h/00h parameter 0001h (SPC-4 7.3.9.2); the times are not told. */
export const GeneralStatistics = layout(64, {
  readCommands: uint(0, 8),
  writeCommands: uint(8, 8),
  blocksReceived: uint(16, 8),
  blocksTransmitted: uint(24, 8),
});
