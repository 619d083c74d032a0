/** EXTENDED COPY between units, seen by READ; how it went, by RECEIVE COPY RESULTS. */
import test from "ava";
import * as cdbs from "node-iscsi-target/scsi/cdb.ts";
import {
  CopyHeaderLid4,
  CopyStatusData,
  CopyStatusDataLid4,
  OperatingParameters,
} from "node-iscsi-target/scsi/copy/layouts.ts";
import { MAX_CSCDS, MAX_SEGMENTS } from "node-iscsi-target/scsi/copy/limits.ts";
import { ReservationType } from "node-iscsi-target/scsi/reservations/state.ts";
import { BOTH, segment, sendCopy, unit } from "../../../helpers/extended-copies.ts";
import { reserveOut } from "../../../helpers/reservations.ts";
import { anotherHost, cdbOf, type ScsiHost, senseName } from "../../../helpers/scsi-host.ts";
import { SECOND, twoUnits } from "../../../helpers/two-units.ts";

async function copy(...args: Parameters<typeof sendCopy>): Promise<string> {
  return senseName(await sendCopy(...args));
}

async function status(host: ScsiHost, listId = 7) {
  const result = await host.send(cdbOf(cdbs.CopyStatusLid1, { listId, allocationBytes: 255 }));
  return result.status === 0 ? CopyStatusData.decode(result.dataIn as Uint8Array) : senseName(result);
}

test("a copy from one unit to another is read there, and its status says how much it was", async (t) => {
  const { host, devices } = await twoUnits();
  devices[0].bytes.fill(5, 8 * 512, 24 * 512);
  t.is(await status(host), "INVALID_FIELD_IN_CDB", "there was no copy yet");
  const ranges = [segment({ source: 0, destination: 1, blocks: 16, sourceLba: 8, destinationLba: 3 })];
  t.is(await copy(host, BOTH, ranges), "GOOD");
  const { dataIn } = await host.send(cdbOf(cdbs.Read10, { lba: 3, blocks: 2 }), undefined, { lun: 1 });
  t.deepEqual(Buffer.from(dataIn ?? []), Buffer.alloc(8192, 5));
  t.like(await status(host), { status: 1, segments: 1, transferUnits: 1, transferCount: 8 });
  t.is(await status(host), "INVALID_FIELD_IN_CDB", "it is told once");
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
  t.is(await first, "THIRD_PARTY_DEVICE_FAILURE");
  t.like(await status(host), { status: 2, segments: 0 });
});

test("what the source has no place for is not read: the destination is given back there, whole blocks at a time", async (t) => {
  const { host, devices } = await twoUnits({ thin: true });
  await devices[0].write(10 * 512, [Buffer.alloc(512, 7)]);
  await devices[1].write(0, [Buffer.alloc(8 * 4096, 9)]);
  devices[1].ios.length = 0;
  const range = segment({ source: 0, destination: 1, blocks: 64 });
  t.is(await copy(host, BOTH, [range]), "GOOD");
  const expected = Buffer.alloc(8 * 4096);
  expected.fill(7, 10 * 512, 11 * 512);
  t.deepEqual(devices[1].bytes.subarray(0, 8 * 4096), expected);
  t.deepEqual(
    devices[1].ios.map(({ kind, offset, length }) => [kind, offset / 4096, length / 4096]),
    [
      ["unmap", 0, 1],
      ["write", 1, 1],
      ["unmap", 2, 6],
    ],
  );
  t.like(await status(host), { status: 1, transferCount: 32 });
});

async function longCopy(
  host: ScsiHost,
  segments: readonly Buffer[],
  fields: Record<string, number> = {},
): Promise<string> {
  const [cscds, ranges] = [Buffer.concat(BOTH), Buffer.concat(segments)];
  const lengths = { cscdBytes: cscds.length, segmentBytes: ranges.length };
  const form = { format: 1, headerCscdBytes: 0x20, headerCscdType: 0xff, listId: 0x1234_5678 };
  const list = Buffer.concat([CopyHeaderLid4.encode({ ...form, ...lengths, ...fields }), cscds, ranges]);
  return senseName(await host.send(cdbOf(cdbs.ExtendedCopyLid4, { listBytes: list.length }), list));
}

async function longStatus(host: ScsiHost): Promise<Buffer> {
  const cdb = cdbOf(cdbs.CopyStatusLid4, { listId: 0x1234_5678, allocationBytes: 255 });
  return Buffer.from((await host.send(cdb)).dataIn ?? []);
}

test("EXTENDED COPY (LID4) with IMMED goes on after its command, and its status tells when and how it ended", async (t) => {
  const { host, devices } = await twoUnits();
  devices[0].bytes.fill(6, 0, 4096);
  devices[0].holding = true;
  t.is(await longCopy(host, [segment({ source: 0, destination: 1, blocks: 8 })], { immediate: 1 }), "GOOD");
  t.like(CopyStatusDataLid4.decode(await longStatus(host)), { status: 0x10, serviceAction: 1, segments: 0 });
  devices[0].release();
  for (let tries = 0; tries < 1000 && CopyStatusDataLid4.status.get(await longStatus(host), 0) === 0x10; tries++) {
    await new Promise(setImmediate);
  }
  const ended = await longStatus(host);
  t.like(CopyStatusDataLid4.decode(ended), { status: 1, completionStatus: 0, segments: 1, transferCount: 4 });
  t.is(ended.length, CopyStatusDataLid4.availableBytes.get(ended, 0) + 4);
  t.deepEqual(devices[1].bytes.subarray(0, 4096), Buffer.alloc(4096, 6));
});

test("the status of a copy (LID4) that failed has its sense data; headers of another form are refused", async (t) => {
  const { host, devices } = await twoUnits();
  devices[1].script = () => ({ kind: "no-space" });
  const range = [segment({ source: 0, destination: 1, blocks: 8 })];
  t.is(await longCopy(host, range), "THIRD_PARTY_DEVICE_FAILURE");
  const status = await longStatus(host);
  const { senseBytes } = CopyStatusDataLid4.decode(status);
  t.like(CopyStatusDataLid4.decode(status), { status: 2, completionStatus: 2, senseBytes: 18 + 1 + 18 });
  const sense = status.subarray(32, 32 + senseBytes);
  t.deepEqual([...sense.subarray(12, 14)], [0x0d, 0x01]);
  t.deepEqual([...sense.subarray(19).subarray(12, 14)], [0x27, 0x07], "as the destination said it");
  t.is(await longCopy(host, range, { format: 0 }), "INVALID_FIELD_IN_PARAMETER_LIST");
});

test("a unit that goes away waits for a copy that reads or writes it, and the copy ends", async (t) => {
  const { host, devices, units } = await twoUnits();
  devices[0].holding = true;
  const range = segment({ source: 0, destination: 1, blocks: 4096 / 2 });
  t.is(await longCopy(host, [range], { immediate: 1 }), "GOOD");
  let gone = false;
  const retired = units[1]?.retire().then(() => {
    gone = true;
  });
  await new Promise(setImmediate);
  t.false(gone);
  devices[0].release();
  await retired;
  t.true(gone);
});

test("a copy into a unit waits for an atomic command on its blocks there, and the other way round", async (t) => {
  const { host, devices } = await twoUnits();
  devices[0].bytes.fill(6, 0, 4096);
  const swap = (from: number, to: number) => {
    const data = Buffer.concat([Buffer.alloc(4096, from), Buffer.alloc(4096, to)]);
    return host.start(cdbOf(cdbs.CompareAndWrite, { lba: 5, blocks: 1 }), data, { lun: 1 });
  };
  const range = segment({ source: 0, destination: 1, blocks: 8, destinationLba: 5 });
  devices[1].holding = true;
  const first = swap(0, 1);
  const copied = copy(host, BOTH, [range]);
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
  t.deepEqual(
    devices[1].ios.map(({ kind }) => kind),
    ["read"],
    "the copy waits between the parts of COMPARE AND WRITE",
  );
  devices[1].release();
  t.deepEqual([senseName(await first.answer), await copied], ["GOOD", "GOOD"]);
  t.is(devices[1].bytes[5 * 4096], 6);
  devices[1].holding = true;
  const again = copy(host, BOTH, [range]);
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
  const second = swap(6, 2);
  t.is(devices[1].heldCount, 1, "COMPARE AND WRITE waits for the copy");
  devices[1].release();
  t.deepEqual([await again, senseName(await second.answer)], ["GOOD", "GOOD"]);
});
