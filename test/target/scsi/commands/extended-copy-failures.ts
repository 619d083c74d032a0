/** What EXTENDED COPY and RECEIVE COPY RESULTS tell of a unit that failed under a copy (SPC-4 6.3.4). */
import test from "ava";
import * as cdbs from "node-iscsi-target/scsi/cdb.ts";
import { CopyFailureData, CopyHeader, CopyStatusData, CscdDescriptor } from "node-iscsi-target/scsi/copy/layouts.ts";
import {
  CommandSpecificDescriptor,
  DescriptorSense,
  FixedSense,
  ForwardedDescriptor,
  InformationDescriptor,
  SenseKeySpecificDescriptor,
} from "node-iscsi-target/scsi/sense.ts";
import { BOTH, segment, sendCopy, unit } from "../../../helpers/extended-copies.ts";
import { cdbOf } from "../../../helpers/scsi-host.ts";
import { twoUnits } from "../../../helpers/two-units.ts";

const cscdAt = (index: number) => CopyHeader.sizeBytes + index * CscdDescriptor.sizeBytes;

test("a unit that fails under a copy is named by its segment and descriptor, and what it said is forwarded", async (t) => {
  const { host, devices } = await twoUnits();
  const ranges = [0, 1].map((at) => segment({ source: 0, destination: 1, blocks: 8, sourceLba: at * 8 }));
  devices[0].script = ({ kind, offset }) =>
    kind === "read" && offset === 4096 ? { kind: "medium-error", offset: 4096 + 512 } : undefined;
  const sense = Buffer.from((await sendCopy(host, BOTH, ranges)).sense ?? []);
  t.like(FixedSense.decode(sense), { senseKey: 0xa, asc: 0x0d, ascq: 0x01, valid: 0, segment: 1 });
  t.is(FixedSense.senseKeySpecific.get(sense, 0), 0x800000 + cscdAt(0), "the descriptor of the source");
  t.deepEqual([FixedSense.sourceAt.get(sense, 0), FixedSense.destinationAt.get(sense, 0)], [18, 0]);
  t.is(sense[18], 2, "CHECK CONDITION");
  t.like(FixedSense.decode(sense, 19), { senseKey: 3, asc: 0x11, ascq: 0, valid: 1, information: 9 });
  t.is(sense.length, FixedSense.additionalBytes.get(sense, 0) + 8);
  const details = cdbOf(cdbs.CopyFailureDetailsLid1, { listId: 7, allocationBytes: 255 });
  const status = await host.send(cdbOf(cdbs.CopyStatusLid1, { listId: 7, allocationBytes: 255 }));
  t.like(CopyStatusData.decode(status.dataIn ?? Buffer.alloc(0)), { status: 2, segments: 1, transferCount: 4 });
  const told = Buffer.from((await host.send(details)).dataIn ?? []);
  t.like(CopyFailureData.decode(told), { status: 2, senseBytes: sense.length, availableBytes: told.length - 4 });
  t.deepEqual(told.subarray(CopyFailureData.sizeBytes), sense);
  t.deepEqual(Buffer.from((await host.send(details)).dataIn ?? []), Buffer.alloc(4), "they are told once");
});

test("in descriptor format the failure of a destination is forwarded too, with what is missing of its segment", async (t) => {
  const { host, devices, units } = await twoUnits();
  units[0].mode.descriptorSense = true;
  const mebibyte = 1024 * 1024;
  devices[1].script = ({ kind, offset }) => (kind === "write" && offset >= 3 * 4096 ? { kind: "no-space" } : undefined);
  devices[0].resize((2 * mebibyte) / 512);
  devices[1].resize(600);
  await host.attentions(0);
  await host.attentions(1);
  // The copy goes in steps: what precedes the one that failed has been written.
  const range = segment({ source: 0, destination: 1, blocks: (2 * mebibyte - 4096) / 512, destinationLba: 2 });
  const whole = (2 * mebibyte - 4096) / 4096;
  const { sense = Buffer.alloc(0) } = await sendCopy(host, BOTH, [range]);
  t.like(DescriptorSense.decode(sense), { responseCode: 0x72, senseKey: 0xa, asc: 0x0d, ascq: 0x01 });
  const descriptors = descriptorsOf(sense);
  const [information, specific, pointer, forwarded] = descriptors;
  t.is(information && InformationDescriptor.information.get(information, 0), whole - mebibyte / 4096);
  t.is(specific && CommandSpecificDescriptor.segment.get(specific, 0), 0);
  t.is(pointer && SenseKeySpecificDescriptor.senseKeySpecific.get(pointer, 0), 0x800000 + cscdAt(1));
  t.like(forwarded && ForwardedDescriptor.decode(forwarded), { type: 0x0c, source: 2, status: 2 });
  const said = DescriptorSense.decode(forwarded?.subarray(ForwardedDescriptor.sizeBytes) ?? sense);
  t.like(said, { senseKey: 7, asc: 0x27, ascq: 0x07 });
});

/** By their types and lengths, all of them. */
function descriptorsOf(sense: Uint8Array): Buffer[] {
  const found: Buffer[] = [];
  for (let at = DescriptorSense.sizeBytes; at < sense.length; ) {
    const end = at + 2 + (sense[at + 1] ?? 0);
    found.push(Buffer.from(sense.subarray(at, end)));
    at = end;
  }
  return found;
}

test("a unit that cannot be reached is pointed at", async (t) => {
  const { host } = await twoUnits();
  const unknown = unit("6001405aabbccdd00112233445566799");
  const ranges = [segment({ source: 0, destination: 1, blocks: 8 }), segment({ source: 0, destination: 2, blocks: 8 })];
  const { sense = Buffer.alloc(0) } = await sendCopy(host, [...BOTH, unknown], ranges);
  t.like(FixedSense.decode(sense), { senseKey: 0xa, asc: 0x0d, ascq: 0x02, segment: 1 });
  t.is(FixedSense.senseKeySpecific.get(sense, 0), 0x800000 + cscdAt(2));
});
