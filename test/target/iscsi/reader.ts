/** PDUs come out of a stream as they went in, however it is cut; headers stay for whoever keeps them. */
import test from "ava";
import fc from "fast-check";
import { BHS_BYTES, Bhs } from "node-iscsi-target/iscsi/pdus.ts";
import { type Pdu, PduReader } from "node-iscsi-target/iscsi/reader.ts";
import { ReceiveWindow } from "node-iscsi-target/iscsi/receive-slab.ts";
import { crc32c } from "node-iscsi-target/wire/crc32c.ts";

const onePdu = fc.record({
  tag: fc.nat(0xffff_fffe),
  data: fc.uint8Array({ maxLength: 200 }),
  additionalWords: fc.nat(3),
  isOver: fc.boolean(),
});

test("every PDU of a stream comes out whole, with digests or without, and no header changes while somebody uses it", (t) => {
  const digests = fc.record({ headerDigest: fc.boolean(), dataDigest: fc.boolean() });
  const cuts = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(fc.array(onePdu, { minLength: 1, maxLength: 20 }), digests, cuts, (pdus, digested, reads) => {
      const reader = Object.assign(new PduReader(1 << 20), digested);
      const window = new ReceiveWindow();
      const stream = Buffer.concat(pdus.map((pdu) => encoded(pdu, digested)));
      const kept: { pdu: Pdu; header: Buffer }[] = [];
      let at = 0;
      let index = 0;
      for (let read = 0; at < stream.length; read += 1) {
        const into = window.next();
        const bytes = stream.copy(into, 0, at, at + (reads[read % reads.length] ?? 1));
        at += bytes;
        reader.push(window.received(bytes));
        for (let pdu = reader.next(); pdu !== undefined; pdu = reader.next()) {
          const sent = pdus[index] as (typeof pdus)[number];
          index += 1;
          t.is(Bhs.initiatorTaskTag.get(pdu.header, 0), sent.tag);
          t.deepEqual(pdu.cdb, pdu.header.subarray(32, BHS_BYTES));
          t.deepEqual(Buffer.concat(pdu.data), Buffer.from(sent.data));
          t.is(pdu.dataBytes, sent.data.length);
          t.false(pdu.dataDigestFailed);
          t.false(pdu.isOver);
          if (sent.isOver) pdu.isOver = true;
          else kept.push({ pdu, header: Buffer.from(pdu.header) });
        }
      }
      t.is(index, pdus.length);
      for (const { pdu, header } of kept) t.deepEqual(pdu.header, header);
      window.close();
    }),
    { numRuns: 200 },
  );
});

test("the memory of a header that is over is used for the next PDU", (t) => {
  const reader = new PduReader(1 << 20);
  reader.push(Buffer.alloc(BHS_BYTES * 3));
  const first = reader.next() as Pdu;
  const second = reader.next() as Pdu;
  t.not(second.header, first.header);
  second.isOver = true;
  t.is((reader.next() as Pdu).header, second.header);
});

for (const where of ["header", "data"] as const) {
  test(`one wrong bit in a ${where} digest is noticed`, (t) => {
    const digested = { headerDigest: true, dataDigest: true };
    const stream = encoded({ tag: 1, data: Buffer.from("data"), additionalWords: 0 }, digested);
    const at = where === "header" ? BHS_BYTES : stream.length - 1;
    stream[at] = (stream[at] as number) ^ 1;
    const reader = Object.assign(new PduReader(1 << 20), digested);
    reader.push(stream);
    if (where === "header") t.throws(() => reader.next(), { message: /header digest/ });
    else t.true(reader.next()?.dataDigestFailed);
  });
}

interface Sent {
  readonly tag: number;
  readonly data: Uint8Array;
  readonly additionalWords: number;
}

function encoded(
  { tag, data, additionalWords }: Sent,
  digests: { readonly headerDigest: boolean; readonly dataDigest: boolean },
): Buffer {
  const header = Bhs.encode({
    opcode: 0,
    totalAhsLength: additionalWords,
    dataSegmentLength: data.length,
    initiatorTaskTag: tag,
  });
  const whole = Buffer.concat([header, Buffer.alloc(additionalWords * 4, tag)]);
  const padded = Buffer.concat([data, Buffer.alloc(-data.length & 3)]);
  const digestOf = (bytes: Buffer, isWanted: boolean) => {
    const digest = Buffer.alloc(isWanted && bytes.length > 0 ? 4 : 0);
    if (digest.length > 0) digest.writeUInt32LE(crc32c([bytes]));
    return digest;
  };
  return Buffer.concat([whole, digestOf(whole, digests.headerDigest), padded, digestOf(padded, digests.dataDigest)]);
}
