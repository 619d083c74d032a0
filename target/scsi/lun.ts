/**
 * Logical unit numbers as they stand on the wire (SAM-5 4.7): eight bytes, of which this target
 * uses the first level only. Inside, a LUN is a plain number from 0 to MAX_LUN.
 */

/** What the flat space addressing method reaches (SAM-5 4.7.7.3). */
export const MAX_LUN = 0x3fff;
/** What the peripheral device addressing method reaches with bus identifier 0 (SAM-5 4.7.7.2). */
const MAX_PERIPHERAL_LUN = 0xff;

const AddressMethod = { PERIPHERAL: 0, FLAT: 1 } as const;
const TWO_TO_48 = 2 ** 48;

/**
 * The LUN that eight wire bytes name, or undefined where they name none that could exist here:
 * another addressing method, a bus identifier, a second level.
 */
export function lunFromWire(wire: bigint | number): number | undefined {
  if (wire === 0) return 0;
  const value = Number(wire);
  const firstLevel = Math.floor(value / TWO_TO_48);
  // A bigint's lower levels may vanish in the conversion, so they are looked at before it.
  const hasLowerLevels =
    typeof wire === "bigint" ? (wire & 0xffff_ffff_ffffn) !== 0n : firstLevel * TWO_TO_48 !== value;
  if (hasLowerLevels) return undefined;
  const method = firstLevel >> 14;
  if (method === AddressMethod.PERIPHERAL) return firstLevel <= MAX_PERIPHERAL_LUN ? firstLevel : undefined;
  if (method === AddressMethod.FLAT) return firstLevel & MAX_LUN;
  return undefined;
}

/** The eight bytes that name `lun`, as REPORT LUNS lists them: peripheral addressing where it reaches, flat space above. */
export function lunToWire(lun: number): bigint {
  if (!Number.isInteger(lun) || lun < 0 || lun > MAX_LUN)
    throw new RangeError(`LUN ${lun} is not within 0 to ${MAX_LUN}.`);
  const method = lun <= MAX_PERIPHERAL_LUN ? AddressMethod.PERIPHERAL : AddressMethod.FLAT;
  return (BigInt(method << 14) | BigInt(lun)) << 48n;
}
