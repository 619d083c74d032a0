import { closeSync, openSync, truncateSync, writeFileSync } from "node:fs";
import test, { type ExecutionContext } from "ava";
import { type DeviceOptions, openDevice } from "node-iscsi-target/storage/open-device.ts";
import { blockDeviceSizes } from "node-iscsi-target/storage/syscalls/block-ioctl.ts";
import { UserError } from "node-iscsi-target/storage/user-error.ts";
import { blockDeviceConformance, CONFORMANCE_BYTES } from "../../helpers/block-device-conformance.ts";
import { HAS_LOOP_DEVICES, loopDevice } from "../../helpers/loop-device.ts";
import { scratchImage } from "../../helpers/scratch.ts";

async function blockDevice(t: ExecutionContext, sectorBytes?: number): Promise<string> {
  const image = await scratchImage(t);
  writeFileSync(image, "");
  truncateSync(image, CONFORMANCE_BYTES);
  return loopDevice(t, image, sectorBytes);
}

const KINDS: Readonly<Record<string, DeviceOptions & { readonly sectorBytes?: number }>> = {
  "a block device": {},
  "a block device past the page cache": { cache: "none" },
  "a block device with sectors of 4096": { sectorBytes: 4096 },
  "a thin block device": { thin: true },
};

if (HAS_LOOP_DEVICES) {
  for (const [name, { sectorBytes, ...options }] of Object.entries(KINDS)) {
    blockDeviceConformance(test, name, async (t) => openDevice(await blockDevice(t, sectorBytes), options), {
      tellsDeallocated: false,
    });
  }

  test("a block device tells its size and sectors", async (t) => {
    const fd = openSync(await blockDevice(t, 4096), "r");
    t.teardown(() => closeSync(fd));
    t.deepEqual(blockDeviceSizes(fd), {
      sizeBytes: CONFORMANCE_BYTES,
      logicalBlockBytes: 4096,
      physicalBlockBytes: 4096,
    });
  });

  test("a block device keeps its size, and has the block size of its sectors unless told otherwise", async (t) => {
    const path = await blockDevice(t, 4096);
    t.throws(() => openDevice(path, { sizeBytes: 2 * CONFORMANCE_BYTES }), {
      instanceOf: UserError,
      code: "DEVICE_SIZE",
    });
    const device = openDevice(path);
    t.teardown(() => device.close());
    t.is(device.blockBytes, 4096);
    t.false(device.thin);
    t.is(device.sizeBytes, CONFORMANCE_BYTES);
  });

  test("past the page cache, blocks smaller than the sectors are refused", async (t) => {
    const path = await blockDevice(t, 4096);
    t.throws(() => openDevice(path, { cache: "none", blockBytes: 512 }), {
      instanceOf: UserError,
      code: "DEVICE_UNSUITABLE",
      message: /set the block size to 4096/,
    });
  });
}

test("asking a file that is no block device for its size fails with the name of the errno", async (t) => {
  const path = await scratchImage(t);
  writeFileSync(path, "x");
  const fd = openSync(path, "r");
  t.teardown(() => closeSync(fd));
  t.throws(() => blockDeviceSizes(fd), { code: "ENOTTY", message: "ioctl BLKGETSIZE64: ENOTTY" });
});
