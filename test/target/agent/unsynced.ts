/** What an agent remembers of syncs that have failed, and of devices that it cannot open. */
import test from "ava";
import { AbsentDevice } from "node-iscsi-target/agent/absent-device.ts";
import { UnsyncedDevices } from "node-iscsi-target/agent/unsynced.ts";
import type { AddDevice, UnsyncedDevice } from "node-iscsi-target/mapping/protocol.ts";

const DEVICE = { type: "add_device", device: 2, uuid: "u", path: "/a", segmentBytes: 1, direct: false, pool: "main" };
const opened = (more: Partial<AddDevice> = {}) => ({ ...DEVICE, ...more }) as AddDevice;

test("a failure is told at once, and with every hello; the device opened again has failed already", (t) => {
  const told: UnsyncedDevice[] = [];
  const devices = new UnsyncedDevices((failed) => told.push(failed));
  const history = devices.history(opened());
  t.false(history.hasFailed);
  t.deepEqual(devices.told(), {});
  history.onFailure?.();
  t.deepEqual(told, [{ device: 2, openings: 0 }]);
  t.deepEqual(devices.told(), { unsynced: [{ device: 2, openings: 0 }] });
  t.true(devices.history(opened()).hasFailed);
  t.false(devices.history(opened({ device: 3 })).hasFailed);
});

test("one that somebody has seen to is as any other, and one that failed elsewhere has failed here", (t) => {
  const devices = new UnsyncedDevices(() => undefined);
  devices.history(opened()).onFailure?.();
  t.false(devices.history(opened({ openings: 1 })).hasFailed);
  t.true(devices.history(opened({ openings: 1, unsynced: true })).hasFailed);
});

test("a device that is not there is neither read, nor written, nor flushed with success", (t) => {
  const absent = new AbsentDevice();
  for (const result of [absent.read(), absent.write(), absent.writeZeroes(), absent.unmap(), absent.flush()])
    t.is(result.kind, "not-ready");
});
