import test from "ava";
import fc from "fast-check";
import { cutRoom, giveSlabBack, type Room, takeSlab } from "node-iscsi-target/iscsi/send-slab.ts";

const sizes = fc.array(
  fc.record({
    header: fc.constantFrom(48, 52),
    data: fc.constantFrom(0, 1, 512, 4096, 65_536),
    digest: fc.constantFrom(0, 4),
  }),
  { maxLength: 30 },
);

test("rooms of a slab lie one behind the other, whatever was cut from it before", (t) => {
  fc.assert(
    fc.property(fc.array(sizes, { minLength: 1, maxLength: 5 }), (rounds) => {
      const slab = takeSlab();
      for (const round of rounds) {
        let end = 0;
        for (const { header, data, digest } of round) {
          const room = cutRoom(slab, header, data, digest);
          if (room === undefined) continue;
          t.is(room.at, end);
          t.is(room.dataAt, room.at + header);
          t.is(room.dataBytes, data);
          t.is(room.data.length, data);
          if (data > 0) t.is(room.data.byteOffset - slab.bytes.byteOffset, room.dataAt);
          t.is(room.end, room.dataAt + data + (-data & 3) + digest);
          end = room.end;
        }
        slab.lent = 0;
        slab.used = 0;
        slab.cut = 0;
      }
    }),
  );
});

test("a load that cuts the same rooms again and again makes no new ones", (t) => {
  const cut = (): Room[] => {
    const slab = takeSlab();
    const rooms = [1, 2, 3].map(() => cutRoom(slab, 48, 4096, 0) as Room);
    giveSlabBack(slab);
    return rooms;
  };
  const first = cut();
  t.deepEqual(
    cut().map((room, at) => room === first[at]),
    [true, true, true],
  );
});
