/** Logical units for those who only have devices: identities that stay the same from run to run. */
import { createHash } from "node:crypto";
import type { BlockDevice } from "../storage/block-device.ts";
import { LogicalUnit, type LogicalUnitIdentity } from "./logical-unit.ts";

/** What a target presents, by LUN (0 to 16383): devices, or units with an identity of their own. */
export type Luns = Readonly<Record<number, BlockDevice | LogicalUnit>>;

/** NAA 3h, locally assigned (SPC-4 7.8.6.6.3), from the target's name and the LUN. */
export function ownIdentity(targetName: string, lun: number): LogicalUnitIdentity {
  const digest = createHash("sha256").update(`${targetName} ${lun}`).digest("hex");
  return {
    naa: `3${digest.slice(0, 15)}`,
    serial: digest.slice(16, 32),
    vendor: "SANLAB",
    product: "DISK",
    revision: "1",
  };
}

export function ownUnits(targetName: string, luns: Luns): Map<number, LogicalUnit> {
  return new Map(
    Object.entries(luns).map(([number, disk]) => {
      const lun = Number(number);
      return [lun, disk instanceof LogicalUnit ? disk : new LogicalUnit(disk, ownIdentity(targetName, lun))];
    }),
  );
}
