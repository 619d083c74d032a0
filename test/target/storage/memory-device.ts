import test from "ava";
import { OK } from "node-iscsi-target/storage/block-device.ts";
import { MemoryDevice } from "node-iscsi-target/storage/memory-device.ts";
import { blockDeviceConformance, CONFORMANCE_BYTES } from "../../helpers/block-device-conformance.ts";

for (const blockBytes of [512, 4096]) {
  for (const thin of [true, false]) {
    blockDeviceConformance(
      test,
      `memory, ${thin ? "thin" : "thick"}, blocks of ${blockBytes}`,
      () => new MemoryDevice({ sizeBytes: CONFORMANCE_BYTES, blockBytes, thin }),
    );
  }
}

test("memory answers in the same turn", (t) => {
  const device = new MemoryDevice({ sizeBytes: CONFORMANCE_BYTES });
  t.is(device.write(0, [Buffer.alloc(512, 1)]), OK);
  t.is(device.read(0, Buffer.alloc(512)), OK);
  t.is(device.flush(), OK);
});

test("memory that is read-only refuses whatever writes", (t) => {
  const device = new MemoryDevice({ sizeBytes: CONFORMANCE_BYTES, readOnly: true });
  for (const result of [device.write(0, [Buffer.alloc(512)]), device.unmap(0, 512), device.writeZeroes(0, 512)]) {
    t.deepEqual(result, { kind: "write-protected" });
  }
});

test("memory that is resized tells its owner, and has zeros where it was cut off before", (t) => {
  const device = new MemoryDevice({ sizeBytes: 256 * 1024 });
  const changes: string[] = [];
  device.onChange = (change) => changes.push(`${change} ${device.sizeBytes}`);
  device.write(0, [Buffer.alloc(256 * 1024, 7)]);
  device.resize(66 * 1024);
  device.resize(256 * 1024);
  t.deepEqual(changes, ["capacity 67584", "capacity 262144"]);
  const into = Buffer.alloc(256 * 1024);
  device.read(0, into);
  t.true(into.subarray(0, 66 * 1024).every((byte) => byte === 7));
  t.true(into.subarray(66 * 1024).every((byte) => byte === 0));
});
