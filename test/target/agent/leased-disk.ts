/** A disk of an agent under a lease, as the commands see it that have to be alone. */
import test from "ava";
import { LeasedDisk } from "node-iscsi-target/agent/leased-disk.ts";
import { MappedDevice } from "node-iscsi-target/mapping/mapped-device.ts";

test("it keeps others off as its disk does, and not without a lease", async (t) => {
  const asked: object[] = [];
  const mapped = new MappedDevice({
    segmentBytes: 65536,
    blockBytes: 512,
    sizeBytes: 4 * 65536,
    thin: true,
    device: () => undefined,
    devices: () => [],
    sendFault: () => undefined,
    sendUnmap: () => undefined,
    sendExclusion: (message) => asked.push(message),
    nextNumber: () => 1,
  });
  let isValid = true;
  const disk = new LeasedDisk(mapped, () => isValid);
  const excluding = disk.exclude(65536, 512, { cancelled: false, onCancel: undefined });
  t.deepEqual(asked, [{ type: "exclude", request: 1, first: 1, count: 1 }]);
  mapped.exclusions.excluded(1);
  t.false("kind" in (await excluding), "it has them to itself");
  isValid = false;
  const refused = await disk.exclude(0, 512, { cancelled: false, onCancel: undefined });
  t.is("kind" in refused && refused.kind, "reported");
});
