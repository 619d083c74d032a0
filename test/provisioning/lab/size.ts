import test from "ava";
import fc from "fast-check";
import { formatSize, parseSize } from "sanlab/lab/size.ts";

test("sizes are whole numbers of KiB, MiB, GiB or TiB", (t) => {
  t.is(parseSize("512MiB"), 512 * 1024 ** 2);
  t.is(parseSize("1 TiB"), 1024 ** 4);
  for (const wrong of ["", "0MiB", "512", "512MB", "1.5GiB", "-1MiB", "1mib", "99999999999999MiB", "9999999999TiB"]) {
    t.is(parseSize(wrong), undefined, wrong);
  }
});

test("a size is shown in its largest exact unit", (t) => {
  t.is(formatSize(1024 ** 3), "1GiB");
  t.is(formatSize(1536 * 1024), "1536KiB");
  t.is(formatSize(513), "513 bytes");
});

test("what formatSize shows, parseSize reads", (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 32 }), (kibibytes) => {
      t.is(parseSize(formatSize(kibibytes * 1024)), kibibytes * 1024);
    }),
  );
});
