import type { ExecutionContext } from "ava";
import test from "ava";
import { type DeviceOptions, openDevice } from "node-iscsi-target/storage/open-device.ts";
import { blockDeviceConformance, CONFORMANCE_BYTES } from "../../helpers/block-device-conformance.ts";
import { scratchImage } from "../../helpers/scratch.ts";

const KINDS: Readonly<Record<string, DeviceOptions & { readonly parent?: string }>> = {
  "an image": {},
  "an image in blocks of 4096": { blockBytes: 4096 },
  "a thick image": { thin: false },
  "an image written through": { cache: "writethrough" },
  "an image past the page cache": { cache: "none" },
  "an image past the page cache in blocks of 4096": { cache: "none", blockBytes: 4096 },
  "an image in memory": { parent: "/dev/shm" },
  "a thick image in memory": { parent: "/dev/shm", thin: false },
};

for (const [name, { parent, ...options }] of Object.entries(KINDS)) {
  blockDeviceConformance(test, name, async (t: ExecutionContext) =>
    openDevice(await scratchImage(t, parent), { sizeBytes: CONFORMANCE_BYTES, ...options }),
  );
}
