/** What the kernel says about an open block device (ioctl(2), linux/fs.h). */
import { checked, libc } from "./libc.ts";

const ioctlCall = libc.func("int ioctl(int fd, unsigned long request, _Out_ uint8_t *value)");

const BLKSSZGET = 0x1268;
const BLKPBSZGET = 0x127b;
const BLKGETSIZE64 = 0x80081272;

export interface BlockDeviceSizes {
  readonly sizeBytes: number;
  readonly logicalBlockBytes: number;
  readonly physicalBlockBytes: number;
}

/** @throws SystemCallError ENOTTY where the descriptor is not a block device's. */
export function blockDeviceSizes(fd: number): BlockDeviceSizes {
  return {
    sizeBytes: Number(ask(fd, "BLKGETSIZE64", BLKGETSIZE64).readBigUInt64LE()),
    logicalBlockBytes: ask(fd, "BLKSSZGET", BLKSSZGET).readUInt32LE(),
    physicalBlockBytes: ask(fd, "BLKPBSZGET", BLKPBSZGET).readUInt32LE(),
  };
}

function ask(fd: number, name: string, request: number): Buffer {
  const value = Buffer.alloc(8);
  checked(`ioctl ${name}`, ioctlCall(fd, request, value));
  return value;
}
