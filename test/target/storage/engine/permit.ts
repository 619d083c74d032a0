/** Leave to touch a device: asked right before each system call, and not only when a request begins. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { openDevice } from "node-iscsi-target/storage/open-device.ts";

const MIB = 1024 * 1024;

/** A device that is left to be touched so many times. */
async function deviceWith(t: ExecutionContext, permits: number) {
  const directory = await mkdtemp(join(tmpdir(), "sanlab-permit-"));
  const path = join(directory, "disk.img");
  await writeFile(path, Buffer.alloc(4 * MIB, 0x11));
  let left = permits;
  const permit = () => {
    left -= 1;
    return left >= 0;
  };
  const device = openDevice(path, { cache: "none", permit });
  t.teardown(async () => {
    await device.close();
    await rm(directory, { recursive: true });
  });
  return device;
}

test("without leave nothing is read, written, zeroed or given back", async (t) => {
  const device = await deviceWith(t, 0);
  const into = Buffer.alloc(4096, 0x22);
  t.deepEqual(await device.read(0, into), { kind: "not-ready" });
  t.deepEqual(into, Buffer.alloc(4096, 0x22));
  t.deepEqual(await device.write(0, [Buffer.alloc(4096)]), { kind: "not-ready" });
  t.deepEqual(await device.writeZeroes(0, 4096), { kind: "not-ready" });
  t.deepEqual(await device.unmap(0, MIB), { kind: "not-ready" });
});

test("leave that ends in the midst of a long write stops it before its next system call", async (t) => {
  // Once for the turn of the request, and once for each system call of 1 MiB.
  const device = await deviceWith(t, 3);
  t.deepEqual(await device.write(0, [Buffer.alloc(4 * MIB, 0x33)]), { kind: "not-ready" });
  const after = openDevice(pathOf(device.fd), { cache: "none", lock: "none" });
  t.teardown(() => after.close());
  const into = Buffer.alloc(4 * MIB);
  await after.read(0, into);
  t.true(into.equals(Buffer.concat([Buffer.alloc(2 * MIB, 0x33), Buffer.alloc(2 * MIB, 0x11)])));
});

function pathOf(fd: number): string {
  return `/proc/self/fd/${fd}`;
}
