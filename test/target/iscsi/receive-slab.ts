import test from "ava";
import fc from "fast-check";
import { BHS_BYTES, Bhs } from "node-iscsi-target/iscsi/pdus.ts";
import { PduReader } from "node-iscsi-target/iscsi/reader.ts";
import { hold, ReceiveWindow, release } from "node-iscsi-target/iscsi/receive-slab.ts";

/** What one connection gets: the data of each PDU, how many PDUs its holder keeps it for, and how many bytes each read brings. */
const traffic = fc.record({
  pdus: fc.array(fc.record({ bytes: fc.integer({ min: 0, max: 70_000 }), heldFor: fc.integer({ min: 0, max: 12 }) }), {
    minLength: 1,
    maxLength: 40,
  }),
  reads: fc.array(fc.integer({ min: 1, max: 140_000 }), { minLength: 1, maxLength: 20 }),
});

test("data that is held stays as it was received, however the stream is cut and whoever else receives", (t) => {
  fc.assert(
    fc.property(fc.array(traffic, { minLength: 1, maxLength: 3 }), (connections) => {
      const receivers = connections.map(({ pdus, reads }, seed) => receiver(pdus, reads, seed));
      // In turns, so that each uses the slabs that the others have let go of.
      while (receivers.some((next) => next()));
    }),
    { numRuns: 200 },
  );
  t.pass();
});

test("a connection whose data is used at once receives into the same place again and again", (t) => {
  const window = new ReceiveWindow();
  const first = window.next();
  for (let read = 0; read < 100; read += 1) {
    const into = window.next();
    t.is(into.byteOffset, first.byteOffset);
    t.is(into.buffer, first.buffer);
    const slice = window.received(4096);
    hold(slice);
    release(slice);
  }
  window.close();
});

/** One connection: each call is one read of its socket; false when nothing is left. @throws where held data has changed */
function receiver(
  pdus: readonly { readonly bytes: number; readonly heldFor: number }[],
  reads: readonly number[],
  seed: number,
): () => boolean {
  const stream = Buffer.concat(pdus.map(({ bytes }, index) => encoded(bytes, patternOf(seed, index))));
  const window = new ReceiveWindow();
  const reader = new PduReader(1 << 20);
  const held: { readonly pieces: readonly Buffer[]; readonly byte: number; readonly until: number }[] = [];
  let [at, read, index] = [0, 0, 0];
  const letGo = (isOver: boolean) => {
    for (const one of held.splice(0)) {
      for (const piece of one.pieces) assertFilled(piece, one.byte);
      if (one.until > index && !isOver) held.push(one);
      else for (const piece of one.pieces) release(piece);
    }
  };
  return () => {
    if (at === stream.length) {
      letGo(true);
      window.close();
      return false;
    }
    const into = window.next();
    const bytes = Math.min(into.length, stream.length - at, reads[read % reads.length] as number);
    into.set(stream.subarray(at, at + bytes));
    at += bytes;
    read += 1;
    reader.push(window.received(bytes));
    for (let pdu = reader.next(); pdu !== undefined; pdu = reader.next()) {
      const byte = patternOf(seed, index);
      for (const piece of pdu.data) {
        assertFilled(piece, byte);
        hold(piece);
      }
      held.push({ pieces: pdu.data, byte, until: index + (pdus[index]?.heldFor ?? 0) });
      index += 1;
      letGo(false);
    }
    return true;
  };
}

function patternOf(seed: number, index: number): number {
  return (seed * 67 + index * 31 + 1) & 0xff;
}

function encoded(bytes: number, byte: number): Buffer {
  const header = Buffer.alloc(BHS_BYTES);
  Bhs.dataSegmentLength.set(header, 0, bytes);
  return Buffer.concat([header, Buffer.alloc(bytes, byte), Buffer.alloc(-bytes & 3)]);
}

function assertFilled(piece: Buffer, byte: number): void {
  if (!piece.equals(Buffer.alloc(piece.length, byte))) throw new Error(`a piece of ${piece.length} bytes has changed`);
}
