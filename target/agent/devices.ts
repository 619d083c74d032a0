/** Storage devices as the controller names them: opened, and checked to be the ones meant. */
import { closeSync, openSync, readSync } from "node:fs";
import type { AddDevice } from "../mapping/protocol.ts";
import type { BlockDevice } from "../storage/block-device.ts";
import { decodeLabel, LABEL_BYTES } from "../storage/label.ts";
import { openDevice } from "../storage/open-device.ts";
import { UserError } from "../storage/user-error.ts";

/** @throws UserError where it cannot be opened, or carries another label. */
export function openStorageDevice(message: AddDevice): BlockDevice {
  // The controller holds the device's lock; its agents share the device with it.
  const device = openDevice(message.path, { lock: "none" });
  const label = readLabel(message.path);
  if (label?.uuid !== message.uuid) {
    void device.close();
    throw new UserError(
      "label",
      `${message.path} does not carry the label of device ${message.uuid}; put the right device there.`,
    );
  }
  return device;
}

export function readLabel(path: string): ReturnType<typeof decodeLabel> {
  const fd = openSync(path, "r");
  try {
    const buffer = Buffer.alloc(LABEL_BYTES);
    readSync(fd, buffer, 0, LABEL_BYTES, 0);
    return decodeLabel(buffer);
  } finally {
    closeSync(fd);
  }
}
