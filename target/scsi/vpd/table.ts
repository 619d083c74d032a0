/** Vital product data (SPC-4 7.8): one row for each page, in ascending order. */

import type { LogicalUnit } from "../logical-unit.ts";
import type { Nexus } from "../transport.ts";
import { blockDeviceCharacteristics, blockLimits, provisioningPage } from "./block.ts";
import { designators } from "./identification.ts";
import { VpdHeader } from "./layouts.ts";
import { extendedInquiry, modePagePolicy } from "./primary.ts";
import { thirdPartyCopy } from "./third-party-copy.ts";

interface VpdPage {
  readonly code: number;
  /** What follows the header of four bytes. */
  readonly body: (unit: LogicalUnit, nexus: Nexus) => Uint8Array;
}

const PAGES: readonly VpdPage[] = [
  { code: 0x00, body: () => Buffer.from(PAGES.map(({ code }) => code)) },
  { code: 0x80, body: (unit) => Buffer.from(unit.identity.serial, "latin1") },
  { code: 0x83, body: designators },
  { code: 0x86, body: extendedInquiry },
  { code: 0x87, body: modePagePolicy },
  { code: 0x8f, body: thirdPartyCopy },
  { code: 0xb0, body: blockLimits },
  { code: 0xb1, body: blockDeviceCharacteristics },
  { code: 0xb2, body: provisioningPage },
];

/** The whole page, or undefined where the unit has none of this code. */
export function vpdPage(code: number, unit: LogicalUnit, nexus: Nexus): Buffer | undefined {
  const page = PAGES.find((candidate) => candidate.code === code);
  if (!page) return undefined;
  const body = page.body(unit, nexus);
  return Buffer.concat([VpdHeader.encode({ pageCode: code, pageBytes: body.length }), body]);
}
