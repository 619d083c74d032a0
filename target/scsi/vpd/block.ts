/** The VPD pages of block devices (SBC-4 6.6), each without its header of four bytes. */

import { isBlockErasable, isCryptoErasable } from "../erasing.ts";
import {
  MAX_COMPARE_AND_WRITE_BLOCKS,
  MAX_TRANSFER_BYTES,
  MAX_UNMAP_BLOCKS,
  MAX_UNMAP_DESCRIPTORS,
  MAX_WRITE_SAME_BLOCKS,
  OPTIMAL_GRANULARITY_BYTES,
  OPTIMAL_TRANSFER_BYTES,
} from "../limits.ts";
import type { LogicalUnit } from "../logical-unit.ts";
import { BlockCharacteristicsPage, BlockLimitsPage, ProvisioningPage } from "./layouts.ts";

/** MEDIUM ROTATION RATE 0001h: none (SBC-4 6.6.2, table 241); 0000h: not told. */
const NON_ROTATING = 1;
/** WABEREQ and WACEREQ 01b: what BLOCK ERASE and CRYPTOGRAPHIC ERASE left can be read (SBC-4 6.6.2, tables 243 and 244). */
const READS_SUCCEED = 1;
/** PROVISIONING TYPE (SBC-4 6.6.6, table 256). */
const ProvisioningType = { FULL_OR_NOT_TOLD: 0, THIN: 2 } as const;

/** B0h (SBC-4 6.6.4): what the commands enforce, from the same constants. */
export function blockLimits({ device, blockBytes, excludesOthers, maxAtomicBlocks }: LogicalUnit): Uint8Array {
  const limits = {
    // See WRITE SAME: a thin unit takes no length of 0.
    writeSameNonZero: device.thin ? 1 : 0,
    maxCompareAndWriteBlocks: excludesOthers ? MAX_COMPARE_AND_WRITE_BLOCKS : 0,
    optimalGranularityBlocks: Math.max(1, OPTIMAL_GRANULARITY_BYTES / blockBytes),
    maxTransferBlocks: MAX_TRANSFER_BYTES / blockBytes,
    optimalTransferBlocks: OPTIMAL_TRANSFER_BYTES / blockBytes,
    maxWriteSameBlocks: MAX_WRITE_SAME_BLOCKS,
    maxAtomicBlocks: excludesOthers ? maxAtomicBlocks : 0,
  };
  if (!device.thin) return BlockLimitsPage.encode(limits);
  return BlockLimitsPage.encode({
    ...limits,
    maxUnmapBlocks: MAX_UNMAP_BLOCKS,
    maxUnmapDescriptors: MAX_UNMAP_DESCRIPTORS,
    optimalUnmapBlocks: Math.max(1, device.allocationBytes / blockBytes),
    // Allocations begin at LBA 0, so UNMAP GRANULARITY ALIGNMENT 0 is valid.
    unmapAlignmentValid: 1,
  });
}

/** B1h (SBC-4 6.6.2). */
export function blockDeviceCharacteristics(unit: LogicalUnit): Uint8Array {
  return BlockCharacteristicsPage.encode({
    rotationRate: unit.identity.rotational ? 0 : NON_ROTATING,
    readsAfterBlockErase: isBlockErasable(unit) ? READS_SUCCEED : 0,
    readsAfterCryptoErase: isCryptoErasable(unit) ? READS_SUCCEED : 0,
  });
}

/** B2h (SBC-4 6.6.6). LBPRZ: what is not mapped reads as zeros, as `BlockDevice.unmap` promises. */
export function provisioningPage({ device, thresholdExponent }: LogicalUnit): Uint8Array {
  if (!device.thin) return ProvisioningPage.encode({ provisioningType: ProvisioningType.FULL_OR_NOT_TOLD });
  return ProvisioningPage.encode({
    // Resources are counted only where the device tells them (log page 0Ch).
    thresholdExponent: device.resources ? thresholdExponent : 0,
    unmap: 1,
    writeSame16: 1,
    writeSame10: 1,
    readsZeros: 1,
    anchors: device.anchor ? 1 : 0,
    provisioningType: ProvisioningType.THIN,
  });
}
