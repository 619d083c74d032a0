import test from "ava";
import { GetLbaStatus16, Inquiry, LogSense, Read10, Unmap, Write10, WriteSame16 } from "node-iscsi-target/scsi/cdb.ts";
import { BlockDeviceServer } from "node-iscsi-target/scsi/device-server.ts";
import { MAX_UNMAP_BLOCKS, MAX_UNMAP_DESCRIPTORS } from "node-iscsi-target/scsi/limits.ts";
import { LogicalUnit } from "node-iscsi-target/scsi/logical-unit.ts";
import { LbaStatusDescriptor, UnmapDescriptor, UnmapHeader } from "node-iscsi-target/scsi/parameter-data.ts";
import { FixedInventory } from "node-iscsi-target/scsi/server-context.ts";
import { MemoryDevice } from "node-iscsi-target/storage/memory-device.ts";
import { anotherHost, cdbOf, IDENTITY, rig, type ScsiHost, senseName } from "../../../helpers/scsi-host.ts";

function unmapList(ranges: readonly { lba: number; blocks: number }[]): Buffer {
  const descriptorBytes = ranges.length * UnmapDescriptor.sizeBytes;
  const header = UnmapHeader.encode({ dataBytes: descriptorBytes + 6, descriptorBytes });
  return Buffer.concat([header, ...ranges.map((range) => UnmapDescriptor.encode(range))]);
}

async function unmap(host: ScsiHost, list: Buffer, listBytes = list.length): Promise<string> {
  return senseName(await host.send(cdbOf(Unmap, { listBytes }), list));
}

test("UNMAP makes its ranges read as zeros, and nothing beside them", async (t) => {
  const { host, device } = await rig();
  device.bytes.fill(1);
  t.is(
    await unmap(
      host,
      unmapList([
        { lba: 2, blocks: 3 },
        { lba: 100, blocks: 0 },
        { lba: 9, blocks: 1 },
      ]),
    ),
    "GOOD",
  );
  const { dataIn } = await host.send(cdbOf(Read10, { lba: 0, blocks: 11 }));
  const zeroed = Array.from({ length: 11 }, (_, block) => dataIn?.[block * 512] === 0);
  t.deepEqual(
    zeroed.flatMap((zero, block) => (zero ? [block] : [])),
    [2, 3, 4, 9],
  );
});

test("UNMAP checks every range before it unmaps the first", async (t) => {
  const { host, device } = await rig({ blocks: 100 });
  t.is(
    await unmap(
      host,
      unmapList([
        { lba: 0, blocks: 10 },
        { lba: 95, blocks: 6 },
      ]),
    ),
    "LBA_OUT_OF_RANGE",
  );
  t.deepEqual(device.ios, []);
});

test("UNMAP of an empty list is no error, and one cut short is", async (t) => {
  const { host, device } = await rig();
  t.is(await unmap(host, Buffer.alloc(0)), "GOOD");
  t.is(await unmap(host, unmapList([])), "GOOD");
  t.is(await unmap(host, Buffer.alloc(4)), "PARAMETER_LIST_LENGTH_ERROR");
  t.is(await unmap(host, unmapList([{ lba: 0, blocks: 1 }]).subarray(0, 12), 24), "PARAMETER_LIST_LENGTH_ERROR");
  t.deepEqual(device.ios, []);
});

test("UNMAP above the limits of VPD page B0h is refused", async (t) => {
  const { host } = await rig({ blocks: MAX_UNMAP_BLOCKS + 10 });
  const half = MAX_UNMAP_BLOCKS / 2;
  t.is(
    await unmap(
      host,
      unmapList([
        { lba: 0, blocks: half },
        { lba: 0, blocks: half + 1 },
      ]),
    ),
    "INVALID_FIELD_IN_PARAMETER_LIST",
  );
  const many = Array.from({ length: MAX_UNMAP_DESCRIPTORS + 1 }, () => ({ lba: 0, blocks: 1 }));
  t.is(await unmap(host, unmapList(many)), "INVALID_FIELD_IN_CDB");
  t.is(await unmap(host, unmapList(many.slice(1))), "GOOD");
});

test("a unit without thin provisioning has neither UNMAP nor GET LBA STATUS", async (t) => {
  const { host } = await rig({ thin: false });
  t.is(await unmap(host, unmapList([])), "INVALID_COMMAND_OPERATION_CODE");
  t.is(senseName(await host.send(cdbOf(GetLbaStatus16, { allocationBytes: 24 }))), "INVALID_COMMAND_OPERATION_CODE");
});

test("GET LBA STATUS shows what was written and unmapped, as runs that do not repeat a status", async (t) => {
  const { host } = await rig({ blocks: 64 });
  await host.send(cdbOf(Write10, { lba: 8, blocks: 16 }), Buffer.alloc(16 * 512));
  await unmap(host, unmapList([{ lba: 10, blocks: 2 }]));
  const { dataIn } = await host.send(cdbOf(GetLbaStatus16, { lba: 4, allocationBytes: 4096 }));
  const data = Buffer.from(dataIn ?? []);
  const runs = [];
  for (let at = 8; at < data.length; at += 16) runs.push(LbaStatusDescriptor.decode(data, at));
  t.is(data.readUInt32BE(0), data.length - 4);
  t.deepEqual(runs, [
    { lba: 4, blocks: 4, status: 1 },
    { lba: 8, blocks: 2, status: 0 },
    { lba: 10, blocks: 2, status: 1 },
    { lba: 12, blocks: 12, status: 0 },
    { lba: 24, blocks: 40, status: 1 },
  ]);
  const cut = await host.send(cdbOf(GetLbaStatus16, { lba: 4, allocationBytes: 24 }));
  t.deepEqual(Buffer.from(cut.dataIn ?? []), data.subarray(0, 24));
  t.is(senseName(await host.send(cdbOf(GetLbaStatus16, { lba: 64, allocationBytes: 24 }))), "LBA_OUT_OF_RANGE");
});

const PAGE_BLOCKS = 128;

for (const [name, command] of [
  [
    "UNMAP",
    (host: ScsiHost, anchor: number) => {
      const list = unmapList([{ lba: 0, blocks: PAGE_BLOCKS }]);
      return host.send(cdbOf(Unmap, { listBytes: list.length, anchor }), list);
    },
  ],
  [
    "WRITE SAME(16)",
    (host: ScsiHost, anchor: number) =>
      host.send(cdbOf(WriteSame16, { blocks: PAGE_BLOCKS, noDataOut: 1, unmap: 1, anchor })),
  ],
] as const) {
  test(`${name} with ANCHOR keeps the room of its blocks: GET LBA STATUS and the log say so, and READ finds zeros`, async (t) => {
    const device = new MemoryDevice({ sizeBytes: 1024 * 1024 });
    const inventory = new FixedInventory(new Map([[0, new LogicalUnit(device, IDENTITY)]]));
    const server = new BlockDeviceServer({ inventory });
    const [host, other] = [await anotherHost(server), await anotherHost(server)];
    const page = await host.send(cdbOf(Inquiry, { vitalData: 1, pageCode: 0xb2, allocationBytes: 64 }));
    t.is((page.dataIn?.[5] ?? 0) & 2, 2, "ANC_SUP");
    const status = async () => {
      const { dataIn } = await other.send(cdbOf(GetLbaStatus16, { lba: 0, allocationBytes: 24 }));
      const { blocks, status: provisioning } = LbaStatusDescriptor.decode(dataIn as Uint8Array, 8);
      return [blocks, provisioning];
    };
    const used = async () => {
      const { dataIn } = await other.send(
        cdbOf(LogSense, { pageCode: 0x0c, pageControl: 1, parameterPointer: 2, allocationBytes: 64 }),
      );
      return Buffer.from(dataIn ?? []).readUInt32BE(8);
    };
    await host.send(cdbOf(Write10, { lba: 0, blocks: PAGE_BLOCKS }), Buffer.alloc(PAGE_BLOCKS * 512, 1));
    t.is((await status())[1], 0);
    t.is(senseName(await command(host, 1)), "GOOD");
    t.deepEqual([await status(), await used()], [[PAGE_BLOCKS, 2], 1]);
    const { dataIn } = await other.send(cdbOf(Read10, { lba: 0, blocks: PAGE_BLOCKS }));
    t.deepEqual(Buffer.from(dataIn ?? []), Buffer.alloc(PAGE_BLOCKS * 512));
    t.is(senseName(await command(host, 0)), "GOOD");
    t.deepEqual([(await status())[1], await used()], [1, 0]);
    t.is(
      senseName(await host.send(cdbOf(WriteSame16, { blocks: 1, noDataOut: 1, anchor: 1 }))),
      "INVALID_FIELD_IN_CDB",
    );
  });
}
