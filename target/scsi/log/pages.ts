/** The log pages, one row each, in ascending order (SPC-4 7.3, SBC-4 6.4). */
import type { LogicalUnit } from "../logical-unit.ts";
import { GeneralStatistics, LogPageHeader, LogParameterHeader, ResourceCount } from "./layouts.ts";

export interface LogPage {
  readonly code: number;
  readonly subpage: number;
  /** Which units have it; absent: all. */
  readonly supported?: (unit: LogicalUnit) => boolean;
  /** What follows the header of four bytes. `from` is the lowest parameter code to return (PARAMETER POINTER). */
  readonly body: (unit: LogicalUnit, from: number) => Buffer;
}

/** SCOPE 01b: the resources are this unit's alone (SBC-4 table 189). */
const THIS_UNIT = 1;
/** FORMAT AND LINKING (SPC-4 table 370). */
const Format = { COUNTER: 0, BINARY_LIST: 3 } as const;
const MAX_COUNT = 0xffff_ffff;

export const logPages: readonly LogPage[] = [
  { code: 0x00, subpage: 0x00, body: (unit) => Buffer.from(codes(unit)) },
  {
    code: 0x00,
    subpage: 0xff,
    body: (unit) => Buffer.from(pagesOf(unit).flatMap((page) => [page.code, page.subpage])),
  },
  { code: 0x0c, subpage: 0x00, supported: (unit) => unit.device.resources !== undefined, body: provisioning },
  { code: 0x19, subpage: 0x00, body: statistics },
];

export function logPageData(page: LogPage, unit: LogicalUnit, from: number): Buffer {
  const body = page.body(unit, from);
  const { code, subpage } = page;
  const header = { pageCode: code, subpageFormat: subpage === 0 ? 0 : 1, subpageCode: subpage, pageBytes: body.length };
  return Buffer.concat([LogPageHeader.encode(header), body]);
}

export function pagesOf(unit: LogicalUnit): LogPage[] {
  return logPages.filter(({ supported }) => supported?.(unit) ?? true);
}

function codes(unit: LogicalUnit): number[] {
  return [...new Set(pagesOf(unit).map(({ code }) => code))];
}

/** 0Ch: available and used resources, in threshold sets of VPD page B2h (SBC-4 6.4.4). */
function provisioning(unit: LogicalUnit, from: number): Buffer {
  const { availableBytes, usedBytes } = unit.device.resources?.() ?? { availableBytes: 0, usedBytes: 0 };
  const count = (bytes: number): Buffer =>
    ResourceCount.encode({
      count: Math.min(MAX_COUNT, Math.floor(bytes / (unit.blockBytes * 2 ** unit.thresholdExponent))),
      scope: THIS_UNIT,
    });
  return parameters(from, Format.BINARY_LIST, [
    [0x0001, count(availableBytes)],
    [0x0002, count(usedBytes)],
  ]);
}

/** 19h: General Statistics and Performance (SPC-4 7.3.9). */
function statistics(unit: LogicalUnit, from: number): Buffer {
  const { readCommands, writeCommands, blocksReceived, blocksTransmitted } = unit.statistics;
  return parameters(from, Format.BINARY_LIST, [
    [0x0001, GeneralStatistics.encode({ readCommands, writeCommands, blocksReceived, blocksTransmitted })],
  ]);
}

function parameters(from: number, formatAndLinking: number, list: readonly (readonly [number, Buffer])[]): Buffer {
  const wanted = list.filter(([code]) => code >= from);
  return Buffer.concat(
    wanted.flatMap(([code, value]) => [
      LogParameterHeader.encode({ code, formatAndLinking, valueBytes: value.length }),
      value,
    ]),
  );
}
