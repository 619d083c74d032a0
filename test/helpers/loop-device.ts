import { closeSync, existsSync, openSync } from "node:fs";
import { execa } from "execa";

interface Owner {
  teardown(end: () => Promise<void> | void): void;
}

/** Loop devices are had by root, where the kernel has them (not in most containers). */
export const HAS_LOOP_DEVICES = process.getuid?.() === 0 && existsSync("/dev/loop-control");

/**
 * A block device over the image file; gone when its owner ends. It is detached as soon as it is
 * open, so that the kernel frees it with its last descriptor even where the process is killed.
 */
export async function loopDevice(owner: Owner, image: string, sectorBytes = 512): Promise<string> {
  const { stdout: device } = await execa("losetup", ["-b", String(sectorBytes), "-f", "--show", image]);
  const fd = openSync(device, "r");
  owner.teardown(() => closeSync(fd));
  await execa("losetup", ["-d", device]);
  return device;
}
