/** EXTENDED COPY between units, seen by READ; how it went, by RECEIVE COPY RESULTS. */
import test from "ava";
import * as cdbs from "node-iscsi-target/scsi/cdb.ts";
import {
  BlockSegment,
  CopyHeader,
  CopyStatusData,
  CscdDescriptor,
  OperatingParameters,
} from "node-iscsi-target/scsi/copy/layouts.ts";
import { MAX_CSCDS, MAX_SEGMENTS } from "node-iscsi-target/scsi/copy/limits.ts";
import { BlockDeviceServer } from "node-iscsi-target/scsi/device-server.ts";
import { LogicalUnit } from "node-iscsi-target/scsi/logical-unit.ts";
import { ReservationType } from "node-iscsi-target/scsi/reservations/state.ts";
import { FixedInventory } from "node-iscsi-target/scsi/server-context.ts";
import { reserveOut } from "../../../helpers/reservations.ts";
import { ScriptedDevice } from "../../../helpers/scripted-device.ts";
import { anotherHost, cdbOf, IDENTITY, type ScsiHost, senseName } from "../../../helpers/scsi-host.ts";

const SECOND = "6001405aabbccdd00112233445566780";

/** LUN 0 of 512-byte blocks, LUN 1 of 4096-byte blocks. */
async function twoUnits() {
  const devices = [new ScriptedDevice(), new ScriptedDevice({ blockBytes: 4096, blocks: 256 })] as const;
  const units = [new LogicalUnit(devices[0], IDENTITY), new LogicalUnit(devices[1], { ...IDENTITY, naa: SECOND })];
  const inventory = new FixedInventory(new Map(units.map((unit, lun) => [lun, unit])));
  const server = new BlockDeviceServer({ inventory });
  const host = await anotherHost(server);
  await host.attentions(1);
  return { devices, server, host };
}

function unit(naa: string, fields: Parameters<typeof CscdDescriptor.encode>[0] = {}): Buffer {
  const designator = Buffer.from(naa, "hex");
  const identified = { codeSet: 1, designatorType: 3, designatorBytes: designator.length, designator };
  return CscdDescriptor.encode({ typeCode: 0xe4, ...identified, ...fields });
}

function segment(fields: Parameters<typeof BlockSegment.encode>[0]): Buffer {
  return BlockSegment.encode({ typeCode: 2, descriptorBytes: 24, ...fields });
}

async function copy(
  host: ScsiHost,
  units: readonly Buffer[],
  segments: readonly Buffer[],
  listId = 7,
): Promise<string> {
  const [cscds, ranges] = [Buffer.concat(units), Buffer.concat(segments)];
  const header = CopyHeader.encode({ listId, cscdBytes: cscds.length, segmentBytes: ranges.length });
  const list = Buffer.concat([header, cscds, ranges]);
  return senseName(await host.send(cdbOf(cdbs.ExtendedCopy, { listBytes: list.length }), list));
}

async function status(host: ScsiHost, listId = 7) {
  const result = await host.send(cdbOf(cdbs.CopyStatusLid1, { listId, allocationBytes: 255 }));
  return result.status === 0 ? CopyStatusData.decode(result.dataIn as Uint8Array) : senseName(result);
}

const BOTH = [unit(IDENTITY.naa), unit(SECOND)];

test("a copy from one unit to another is read there, and its status says how much it was", async (t) => {
  const { host, devices } = await twoUnits();
  devices[0].bytes.fill(5, 8 * 512, 24 * 512);
  t.is(await status(host), "INVALID_FIELD_IN_CDB", "there was no copy yet");
  const ranges = [segment({ source: 0, destination: 1, blocks: 16, sourceLba: 8, destinationLba: 3 })];
  t.is(await copy(host, BOTH, ranges), "GOOD");
  const { dataIn } = await host.send(cdbOf(cdbs.Read10, { lba: 3, blocks: 2 }), undefined, { lun: 1 });
  t.deepEqual(Buffer.from(dataIn ?? []), Buffer.alloc(8192, 5));
  t.like(await status(host), { status: 1, segments: 1, transferUnits: 1, transferCount: 8 });
});

test("with DC the number of blocks counts in those of the destination, and segments are copied in order", async (t) => {
  const { host, devices } = await twoUnits();
  devices[0].bytes.fill(1, 0, 4096);
  const there = segment({ source: 0, destination: 1, destinationCount: 1, blocks: 1, destinationLba: 9 });
  const back = segment({ source: 1, destination: 0, blocks: 1, sourceLba: 9, destinationLba: 100 });
  t.is(await copy(host, BOTH, [there, back]), "GOOD");
  t.deepEqual(devices[0].bytes.subarray(100 * 512, 108 * 512), Buffer.alloc(4096, 1));
});

test("lengths that are no whole blocks of both units, and ranges past an end, are refused before anything is copied", async (t) => {
  const { host, devices } = await twoUnits();
  const good = segment({ source: 0, destination: 1, blocks: 8 });
  for (const bad of [{ blocks: 1 }, { blocks: 8, sourceLba: 2041 }, { blocks: 8, destinationLba: 256 }]) {
    t.is(await copy(host, BOTH, [good, segment({ source: 0, destination: 1, ...bad })]), "COPY_ABORTED");
  }
  t.is(devices[1].ios.length, 0);
});

test("a copy reaches what its host could reach: no other unit, no reserved one, no write-protected one", async (t) => {
  const { host, server, devices } = await twoUnits();
  const range = [segment({ source: 0, destination: 1, blocks: 8 })];
  t.is(
    await copy(host, [BOTH[0] as Buffer, unit("6001405aabbccdd00112233445566799")], range),
    "COPY_TARGET_NOT_REACHABLE",
  );
  t.is(await copy(host, [BOTH[0] as Buffer], range), "COPY_TARGET_NOT_REACHABLE", "the index names no descriptor");
  const other = await anotherHost(server);
  await other.attentions(1);
  const inUnit = { lun: 1 };
  const send = other.send.bind(other);
  other.send = (cdb, data) => send(cdb, data, inUnit);
  await reserveOut(other, cdbs.Register, { newKey: 1n });
  await reserveOut(other, cdbs.Reserve, { key: 1n, type: ReservationType.WRITE_EXCLUSIVE });
  t.is(await copy(host, BOTH, range), "COPY_TARGET_NOT_REACHABLE");
  const back = [segment({ source: 1, destination: 0, blocks: 1 })];
  t.is(await copy(host, BOTH, back), "GOOD", "what is only write exclusive may be read");
  t.is(devices[1].ios.filter(({ kind }) => kind === "write").length, 0);
});

test("descriptors of other kinds, and too many of one, have sense codes of their own", async (t) => {
  const { host } = await twoUnits();
  const range = segment({ source: 0, destination: 1, blocks: 8 });
  t.is(await copy(host, [unit(SECOND, { typeCode: 0xe0 })], [range]), "UNSUPPORTED_TARGET_DESCRIPTOR");
  t.is(await copy(host, BOTH, [segment({ typeCode: 3 })]), "UNSUPPORTED_SEGMENT_DESCRIPTOR");
  const many = Array.from({ length: MAX_CSCDS + 1 }, () => BOTH[0] as Buffer);
  t.is(await copy(host, many, [range]), "TOO_MANY_TARGET_DESCRIPTORS");
  const ranges = Array.from({ length: MAX_SEGMENTS + 1 }, () => range);
  t.is(await copy(host, BOTH, ranges), "TOO_MANY_SEGMENT_DESCRIPTORS");
  const { dataIn } = await host.send(cdbOf(cdbs.OperatingParametersLid1, { allocationBytes: 255 }));
  const told = OperatingParameters.decode(dataIn as Uint8Array);
  t.like(told, { maxCscds: MAX_CSCDS, maxSegments: MAX_SEGMENTS, descriptorTypes: 2 });
  t.is(dataIn?.length, told.availableBytes + 4);
});

test("one list identifier names one copy at a time, and a failed copy says so", async (t) => {
  const { host, devices } = await twoUnits();
  const range = [segment({ source: 0, destination: 1, blocks: 8 })];
  devices[0].holding = true;
  const first = copy(host, BOTH, range);
  t.like(await status(host), { status: 0 });
  t.is(await copy(host, BOTH, range), "OPERATION_IN_PROGRESS");
  devices[0].script = () => ({ kind: "medium-error", offset: 0 });
  devices[0].release();
  t.is(await first, "UNRECOVERED_READ_ERROR");
  t.like(await status(host), { status: 2, segments: 0 });
});

test("VPD page 8Fh tells the commands and descriptors of copies", async (t) => {
  const { host } = await twoUnits();
  const { dataIn } = await host.send(cdbOf(cdbs.Inquiry, { vitalData: 1, pageCode: 0x8f, allocationBytes: 255 }));
  const page = Buffer.from(dataIn ?? []);
  t.is(page.readUInt16BE(2), page.length - 4);
  t.is(page.toString("hex", 4, 16), "000100080783010084020003".slice(0, 24));
});
