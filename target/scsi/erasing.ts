/** Which of the ways to erase a whole medium (SBC-4 4.11) a unit has: SANITIZE, and VPD page B1h. */
import type { LogicalUnit } from "./logical-unit.ts";

/** What is erased is what no longer has a place on the medium. */
export function isBlockErasable({ device, servedElsewhere }: LogicalUnit): boolean {
  return device.thin && !servedElsewhere;
}

export function isCryptoErasable({ device, servedElsewhere }: LogicalUnit): boolean {
  return device.cryptoErase !== undefined && !servedElsewhere;
}
