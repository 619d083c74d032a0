/** The bytes of a generic ROD token (SPC-4 5.17.6.5). */

import type { BlockRange } from "../block-range.ts";
import { Condition } from "../condition.ts";
import type { LogicalUnit } from "../logical-unit.ts";
import type { Nexus } from "../transport.ts";
import { targetDeviceDesignator } from "../vpd/identification.ts";
import { CscdDescriptor } from "./layouts.ts";
import { DescriptorType } from "./limits.ts";
import { blocksOf } from "./range-list.ts";
import { ROD_TOKEN_BYTES, RodToken, RodType } from "./token-layouts.ts";

/** ROD TOKEN LENGTH: what follows the header of eight bytes. */
const FOLLOWING_BYTES = ROD_TOKEN_BYTES - 8;
/** CODE SET binary and DESIGNATOR TYPE NAA. */
const NAA = { codeSet: 1, designatorType: 3 } as const;

interface Represented {
  readonly unit: LogicalUnit;
  readonly ranges: readonly BlockRange[];
  readonly nexus: Nexus;
}

/** @param random unpredictable bytes: whoever guesses a token has what it stands for. */
export function encodeRodToken(
  { unit, ranges, nexus }: Represented,
  id: bigint,
  random: (bytes: number) => Buffer,
): Buffer {
  const { device, blockBytes } = unit;
  return RodToken.encode({
    type: RodType.CHANGE_VULNERABLE,
    followingBytes: FOLLOWING_BYTES,
    id,
    creator: creatorOf(unit),
    representedBytes: blocksOf(ranges) * blockBytes,
    blockBytes,
    physicalExponent: Math.log2((device.physicalBlockBytes ?? blockBytes) / blockBytes),
    provisioningManaged: device.thin ? 1 : 0,
    readsZeros: device.thin ? 1 : 0,
    targetDevice: targetDevice(nexus.targetPort.targetName),
    random: random(256),
  });
}

function creatorOf({ identity, blockBytes }: LogicalUnit): Buffer {
  const designator = Buffer.from(identity.naa, "hex");
  return CscdDescriptor.encode({
    typeCode: DescriptorType.IDENTIFICATION,
    ...NAA,
    designatorBytes: designator.length,
    designator,
    blockBytes,
  });
}

/** What its own bytes say against a token, before it is looked for. */
export function formatError(token: Uint8Array, targetName: string): Condition | undefined {
  const { type, followingBytes, creator, targetDevice: device } = RodToken.decode(token);
  if (followingBytes !== FOLLOWING_BYTES) return Condition.INVALID_TOKEN_LENGTH;
  if (CscdDescriptor.typeCode.get(creator, 0) !== DescriptorType.IDENTIFICATION) return Condition.TOKEN_CORRUPT;
  if (type !== RodType.CHANGE_VULNERABLE) return Condition.UNSUPPORTED_TOKEN_TYPE;
  const own = targetDevice(targetName);
  return own.equals(device) ? undefined : Condition.REMOTE_TOKEN_USAGE_NOT_SUPPORTED;
}

export function isZeroToken(token: Uint8Array): boolean {
  return RodToken.type.get(token, 0) === RodType.ZERO && RodToken.followingBytes.get(token, 0) === FOLLOWING_BYTES;
}

const TARGET_DEVICE_BYTES = 128;

function targetDevice(targetName: string): Buffer {
  const descriptor = Buffer.alloc(TARGET_DEVICE_BYTES);
  descriptor.set(targetDeviceDesignator(targetName, TARGET_DEVICE_BYTES));
  return descriptor;
}
