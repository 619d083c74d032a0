import { VmError } from "@sanlab/vm";
import test from "ava";
import { kernelPayload } from "../../../vm/image/kernel.ts";

/** A bzImage with `setupSectors` of set-up code and this payload 16 bytes into the protected-mode code. */
function bzImage(payload: Buffer, setupSectors: number): Buffer {
  const start = ((setupSectors || 4) + 1) * 512 + 16;
  const image = Buffer.alloc(start + payload.length + 100);
  image.writeUInt8(setupSectors, 0x1f1);
  image.write("HdrS", 0x202, "latin1");
  image.writeUInt16LE(0x020f, 0x206);
  image.writeUInt32LE(16, 0x248);
  image.writeUInt32LE(payload.length, 0x24c);
  payload.copy(image, start);
  return image;
}

const XZ = Buffer.concat([Buffer.from("fd377a585a00", "hex"), Buffer.alloc(64, 7), Buffer.from("78563412", "hex")]);

for (const setupSectors of [0, 39]) {
  test(`the payload is found behind ${setupSectors} sectors of set-up code`, (t) => {
    const payload = kernelPayload(bzImage(XZ, setupSectors));
    t.is(payload.compression, "xz");
    t.is(payload.uncompressedBytes, 0x12345678);
    t.true(payload.data.equals(XZ.subarray(0, -4)));
  });
}

const REFUSED: readonly { what: string; image: Buffer; expected: RegExp }[] = [
  {
    what: "an ELF file",
    image: Buffer.concat([Buffer.from("\x7fELF", "latin1"), Buffer.alloc(4096)]),
    expected: /no bzImage/,
  },
  { what: "an empty file", image: Buffer.alloc(0), expected: /no bzImage/ },
  { what: "a kernel cut short", image: bzImage(XZ, 39).subarray(0, 20_500), expected: /cut short/ },
  { what: "an unknown compression", image: bzImage(Buffer.alloc(80, 1), 39), expected: /no known compression/ },
];

for (const { what, image, expected } of REFUSED) {
  test(`${what} is refused`, (t) => {
    const error = t.throws(() => kernelPayload(image), { instanceOf: VmError, message: expected });
    t.is(error.code, "IMAGE_BUILD_FAILED");
  });
}
