/** LUNs that are encrypted (`encrypted` of --lun): the key goes with the image, and the contents with the key. */
import { type BlockDevice, EncryptedDevice, KeyFile, UserError } from "node-iscsi-target";
import type { LunOption } from "./lun-option.ts";

/** @throws UserError where the key of an image with contents is missing, or holds something else */
export async function encrypted(device: BlockDevice, { key, path, readOnly }: LunOption): Promise<BlockDevice> {
  if (key === undefined) return device;
  if (key === "memory") return new EncryptedDevice(device);
  const there = KeyFile.open(key.path);
  if (there) return new EncryptedDevice(device, there);
  if (readOnly || (await hasContents(device))) {
    throw new UserError(
      "key",
      `${path ?? "The disk"} has contents, and its key ${key.path} is not there: put the key back, or name another image.`,
    );
  }
  return new EncryptedDevice(device, await KeyFile.create(key.path));
}

/** As far as can be told: a block device does not say what it has. */
async function hasContents(device: BlockDevice): Promise<boolean> {
  for (let at = 0; at < device.sizeBytes; ) {
    const extents = await device.provisioning(at, device.sizeBytes - at);
    if (!device.thin) return false;
    if (extents.some(({ status }) => status === "mapped")) return true;
    at += extents.reduce((sum, { length }) => sum + length, 0);
  }
  return false;
}

/** What erases one disk must not erase another. @throws UserError */
export function refuseSharedKeys(luns: readonly LunOption[]): void {
  const paths = new Set<string>();
  for (const { lun, key } of luns) {
    if (key === undefined || key === "memory") continue;
    if (paths.has(key.path)) {
      throw new UserError("key", `--lun ${lun} has the same key file as another, ${key.path}; give each its own.`);
    }
    paths.add(key.path);
  }
}
