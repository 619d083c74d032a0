/** The suite for block devices (`target/conformance`) as tests of ava. */
import type { ExecutionContext, TestFn } from "ava";
import { blockDeviceClauses, type ConformanceOptions } from "node-iscsi-target/conformance/block-device.ts";
import type { BlockDevice } from "node-iscsi-target/storage/block-device.ts";

export { CONFORMANCE_BYTES, type ConformanceOptions } from "node-iscsi-target/conformance/block-device.ts";

/** Makes a fresh, writable device of at least CONFORMANCE_BYTES that reads as zeros, to be used by one test. Ends by `t.teardown`; the suite closes the device itself too. */
export type MakeDevice = (t: ExecutionContext) => BlockDevice | Promise<BlockDevice>;

/** A test for each clause; `name` begins the titles. */
export function blockDeviceConformance(
  test: TestFn,
  name: string,
  makeDevice: MakeDevice,
  options: ConformanceOptions = {},
): void {
  for (const { title, check } of blockDeviceClauses(options)) {
    test(`${name}: ${title}`, async (t) => {
      const device = await makeDevice(t);
      t.teardown(() => device.close());
      await t.notThrowsAsync(check(device));
    });
  }
}
