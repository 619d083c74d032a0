/** A further table as a block device: what any of them has to do, over borders of ranges everywhere. */
import test from "ava";
import { MappedDevice } from "node-iscsi-target/mapping/mapped-device.ts";
import { TableView } from "node-iscsi-target/mapping/table-view.ts";
import type { BlockDevice, Initiation, IoResult } from "node-iscsi-target/storage/block-device.ts";
import { MemoryDevice } from "node-iscsi-target/storage/memory-device.ts";
import { blockDeviceConformance, CONFORMANCE_BYTES } from "../../helpers/block-device-conformance.ts";

const SEGMENT = 64 * 1024;

const NOTHING = () => undefined;
/** Of a disk that asks nobody for anything. */
const ALONE = { blockBytes: 512, nextNumber: () => 1, sendFault: NOTHING, sendUnmap: NOTHING, sendExclusion: NOTHING };

/** A disk whose segments all lie on `storage`, behind one that is another's. */
function mapped(storage: BlockDevice, segments: number): MappedDevice {
  const disk = new MappedDevice({
    ...ALONE,
    segmentBytes: SEGMENT,
    sizeBytes: segments * SEGMENT,
    thin: false,
    device: () => storage,
    devices: () => [storage],
  });
  disk.table.set(0, [{ count: segments, states: 0, device: 1, segment: 1 }], 1);
  return disk;
}

/** A disk of whose segments the agent knows nothing yet. */
function unknownDisk(segments: number, onFault: (first: number) => void): MappedDevice {
  let number = 0;
  return new MappedDevice({
    ...ALONE,
    segmentBytes: SEGMENT,
    sizeBytes: segments * SEGMENT,
    thin: true,
    device: NOTHING,
    devices: () => [],
    nextNumber: () => ++number,
    sendFault: ({ first }) => onFault(first),
  });
}

blockDeviceConformance(test, "a further table of every other segment, and then of the rest, backwards", () => {
  const segments = CONFORMANCE_BYTES / SEGMENT;
  const all = Array.from({ length: segments }, (_, segment) => segment);
  const order = [
    ...all.filter((segment) => segment % 2 === 0),
    ...all.filter((segment) => segment % 2 === 1).reverse(),
  ];
  const disk = mapped(new MemoryDevice({ sizeBytes: (segments + 1) * SEGMENT }), segments);
  return new TableView(disk, { ranges: order.map((segment) => [segment, 1]), sizeBytes: CONFORMANCE_BYTES });
});

const BAD = 3 * SEGMENT + 1024;

class Damaged extends MemoryDevice {
  readonly #isLate: boolean;

  constructor(isLate: boolean) {
    super({ sizeBytes: 5 * SEGMENT });
    this.#isLate = isLate;
  }

  override read(offset: number, into: Uint8Array): IoResult {
    const isHit = offset <= BAD && BAD < offset + into.length;
    const result: IoResult = isHit ? { kind: "medium-error", offset: BAD } : super.read(offset, into);
    return (this.#isLate ? Promise.resolve(result) : result) as IoResult;
  }
}

for (const isLate of [false, true]) {
  test(`a bad block is named where the host has it, not where it lies: told ${isLate ? "later" : "at once"}`, async (t) => {
    const storage = new Damaged(isLate);
    const disk = mapped(storage, 4);
    const found = { kind: "medium-error", offset: 2 * SEGMENT + 1024 };
    t.deepEqual(await disk.read(2 * SEGMENT, Buffer.alloc(4096)), found, "segment 2 of the disk is segment 3 there");
    const view = new TableView(disk, {
      ranges: [
        [3, 1],
        [2, 1],
      ],
      sizeBytes: 2 * SEGMENT,
    });
    t.deepEqual(await view.read(SEGMENT, Buffer.alloc(4096)), { kind: "medium-error", offset: SEGMENT + 1024 });
    const over = await view.read(SEGMENT - 512, Buffer.alloc(4096));
    t.deepEqual(over, { kind: "medium-error", offset: SEGMENT + 1024 }, "over the border of two ranges");
  });
}

test("an unmap over the border of two ranges, cancelled while both parts wait for the controller, waits for neither", async (t) => {
  const faults: number[] = [];
  const disk = unknownDisk(4, (first) => faults.push(first));
  const view = new TableView(disk, {
    ranges: [
      [3, 1],
      [1, 1],
    ],
    sizeBytes: 2 * SEGMENT,
  });
  const by: Initiation = { cancelled: false, onCancel: undefined };
  const ending = view.unmap(0, 2 * SEGMENT, by);
  t.deepEqual(faults.sort(), [1, 3]);
  by.cancelled = true;
  by.onCancel?.();
  t.deepEqual(await ending, { kind: "cancelled" });
});
