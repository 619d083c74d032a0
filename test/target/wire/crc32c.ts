import test from "ava";
import fc from "fast-check";
import { crc32c, crc32cByNpm, crc32cUpdate, shortCrc32c } from "node-iscsi-target/wire/crc32c.ts";
import { crc32cByIsaL } from "node-iscsi-target/wire/isa-l.ts";

/** RFC 7143 Appendix A.4 lists the digest as its bytes lie on the wire: the least significant first. */
const VECTORS: readonly (readonly [string, Uint8Array, string])[] = [
  ["32 bytes of zeros", Buffer.alloc(32), "aa36918a"],
  ["32 bytes of ones", Buffer.alloc(32, 0xff), "43aba862"],
  ["32 bytes going up", Uint8Array.from({ length: 32 }, (_, at) => at), "4e79dd46"],
  ["32 bytes going down", Uint8Array.from({ length: 32 }, (_, at) => 31 - at), "5cdb3f11"],
  [
    "an iSCSI READ(10) command",
    Buffer.from(
      "01c00000000000000000000000000000140000000000040000000014000000182800000000000000" + "0200000000000000",
      "hex",
    ),
    "563a96d9",
  ],
];

for (const [name, data, wire] of VECTORS) {
  test(`the digest of ${name} is that of RFC 7143`, (t) => {
    const digest = Buffer.alloc(4);
    digest.writeUInt32LE(crc32c([data]));
    t.is(digest.toString("hex"), wire);
    t.is(shortCrc32c(data, 0, data.length), digest.readUInt32LE());
  });
}

test("pieces have the digest of the whole", (t) => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 8 }), (pieces) => {
      t.is(crc32c(pieces), crc32c([Buffer.concat(pieces)]));
    }),
  );
  t.is(crc32c([]), 0);
});

test("few bytes of many have the digest that they have alone", (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), fc.nat(100), (bytes, one, other) => {
      const [from, to] = [Math.min(one, other, bytes.length), Math.min(Math.max(one, other), bytes.length)];
      t.is(shortCrc32c(bytes, from, to), crc32c([bytes.subarray(from, to)]));
    }),
  );
});

const isaL = crc32cByIsaL();
(isaL === undefined ? test.skip : test)(
  "ISA-L digests long pieces, wherever they begin, as the npm library does",
  (t) => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 20_000, size: "max" }),
        fc.nat(70),
        fc.maxSafeNat(),
        (bytes, from, seed) => {
          const [piece, crc] = [bytes.subarray(Math.min(from, bytes.length - 1)), seed >>> 0];
          t.is(isaL?.(crc, piece), crc32cByNpm(crc, piece));
          t.is(crc32cUpdate(crc, piece), crc32cByNpm(crc, piece));
        },
      ),
    );
  },
);

test("of nothing, a digest stays what it was", (t) => {
  t.is(crc32cUpdate(12345, new Uint8Array()), 12345);
});
