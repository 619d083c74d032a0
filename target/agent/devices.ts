/** Storage devices as the controller names them: found, opened, and checked to be the ones meant. */
import { closeSync, openSync, readSync } from "node:fs";
import type { AddDevice } from "../mapping/protocol.ts";
import type { BlockDevice } from "../storage/block-device.ts";
import type { Permit } from "../storage/engine/permit.ts";
import type { SyncHistory } from "../storage/engine/sync-group.ts";
import { decodeLabel, LABEL_BYTES } from "../storage/label.ts";
import { openDevice } from "../storage/open-device.ts";
import { UserError } from "../storage/user-error.ts";

/** One that an agent was told to open. */
export interface OpenDevice {
  readonly device: BlockDevice;
  readonly pool: string;
  readonly direct: boolean;
  /** As the controller knows it. */
  readonly unsynced: boolean;
  readonly openings: number;
  /** It could not be opened. */
  readonly isAbsent: boolean;
  readonly syncs: SyncHistory;
}

/**
 * `elsewhere`: where this machine has the devices, when not at the controller's paths; they are told by their labels.
 * @throws UserError where it cannot be opened, or carries another label.
 */
export function openStorageDevice(
  { path, uuid, direct }: AddDevice,
  elsewhere: readonly string[] = [],
  permit?: Permit,
  syncs?: SyncHistory,
): BlockDevice {
  const found = elsewhere.find((candidate) => readLabel(candidate)?.uuid === uuid) ?? path;
  // The controller holds the device's lock; its agents share the device with it.
  const device = openDevice(found, {
    lock: "none",
    cache: direct ? "none" : "writeback",
    ...(permit && { permit }),
    ...(syncs && { syncs }),
  });
  const label = readLabel(found);
  if (label?.uuid !== uuid) {
    void device.close();
    throw new UserError("label", `${found} does not carry the label of device ${uuid}; put the right device there.`);
  }
  return device;
}

function readLabel(path: string): ReturnType<typeof decodeLabel> {
  const fd = openSync(path, "r");
  try {
    const buffer = Buffer.alloc(LABEL_BYTES);
    readSync(fd, buffer, 0, LABEL_BYTES, 0);
    return decodeLabel(buffer);
  } finally {
    closeSync(fd);
  }
}
