import test from "ava";
import { gather } from "node-iscsi-target/iscsi/gather.ts";
import { SLAB_BYTES } from "node-iscsi-target/iscsi/send-slab.ts";

const KIB = 1024;
const filled = (length: number, at: number) => Buffer.alloc(length, at + 1);

test("small pieces that follow each other leave as one, large ones as they are, and all bytes in their order", (t) => {
  const pieces = [48, 4 * KIB, 33 * KIB, 52, 33 * KIB, 32 * KIB, 4].map(filled);
  const { gathered, slabs } = gather(pieces, undefined);
  t.deepEqual(Buffer.concat(gathered), Buffer.concat(pieces));
  t.deepEqual(
    gathered.map(({ length }) => length),
    [4 * KIB + 48, 33 * KIB, 52, 33 * KIB, 32 * KIB + 4],
  );
  t.is(gathered[2], pieces[3], "one that is alone is not copied");
  t.is(slabs.length, 2, "one copy, one loan");
  t.is(slabs[0], slabs[1]);
  t.is(slabs[0]?.lent, 2);
});

test("copies of several turns share a slab until it is full, and do not overwrite each other", (t) => {
  const first = gather([filled(48, 1), filled(52, 2)], undefined);
  const [slab] = first.slabs;
  const second = gather([filled(100, 3), filled(4, 4)], slab);
  t.is(second.slabs[0], slab);
  t.deepEqual(Buffer.concat(first.gathered), Buffer.concat([filled(48, 1), filled(52, 2)]));
  t.deepEqual(Buffer.concat(second.gathered), Buffer.concat([filled(100, 3), filled(4, 4)]));
  const many = Array.from({ length: 40 }, (_, at) => filled(32 * KIB, at));
  const third = gather(many, slab);
  t.deepEqual(Buffer.concat(third.gathered), Buffer.concat(many));
  t.true(third.slabs.length >= 3, `${40 * 32} KiB do not fit into two of ${SLAB_BYTES} bytes`);
  t.true(third.gathered.every(({ length }) => length <= SLAB_BYTES));
});
