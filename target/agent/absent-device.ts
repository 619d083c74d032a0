/**
 * A storage device that an agent was told of and cannot open. Disks of its pool may have been written to
 * there through another process: as long as it cannot be synced, no flush of them succeeds (docs/protocol.md, rule 7).
 */
import type { BlockDevice, IoResult, ProvisioningExtent } from "../storage/block-device.ts";

const NOT_READY: IoResult = Object.freeze({ kind: "not-ready" });

export class AbsentDevice implements BlockDevice {
  readonly sizeBytes = 0;
  readonly blockBytes = 512;
  readonly readOnly = false;
  readonly thin = true;
  readonly allocationBytes = 512;
  onChange: undefined;

  read(): IoResult {
    return NOT_READY;
  }
  write(): IoResult {
    return NOT_READY;
  }
  writeZeroes(): IoResult {
    return NOT_READY;
  }
  unmap(): IoResult {
    return NOT_READY;
  }
  flush(): IoResult {
    return NOT_READY;
  }
  provisioning(): readonly ProvisioningExtent[] {
    return [];
  }
  async close(): Promise<void> {}
}
