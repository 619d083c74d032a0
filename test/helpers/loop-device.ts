import { existsSync } from "node:fs";
import { execa } from "execa";

interface Owner {
  teardown(end: () => Promise<void>): void;
}

/** Loop devices are had by root, where the kernel has them (not in most containers). */
export const HAS_LOOP_DEVICES = process.getuid?.() === 0 && existsSync("/dev/loop-control");

/** A block device over the image file; detached when its owner ends. */
export async function loopDevice(owner: Owner, image: string, sectorBytes = 512): Promise<string> {
  const { stdout: device } = await execa("losetup", ["-b", String(sectorBytes), "-f", "--show", image]);
  owner.teardown(async () => {
    await execa("losetup", ["-d", device]);
  });
  return device;
}
