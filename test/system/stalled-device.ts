/** A device that stalls holds up those who use it, and nobody else. */
import test from "ava";
import { fuseDevice } from "../helpers/fuse-device.ts";
import { openDisk } from "../helpers/qemu-io.ts";
import { startTarget } from "../helpers/target-command.ts";

const MIB = 1024 * 1024;

test("sessions on other devices go on while one device answers nothing, and its own I/O completes once it does", async (t) => {
  t.timeout(120_000);
  const stalling = await fuseDevice(t, 64 * MIB);
  const served = await startTarget("mem,size=64MiB", ["--lun", `1=${stalling.path}`]);
  t.teardown(() => served.close());
  const sound = await openDisk(t, served.url, "iqn.2026-11.example:sound");
  const stuck = await openDisk(t, served.url.replace(/0$/, "1"), "iqn.2026-11.example:stuck");
  await stuck.write(0, 65536, 0x11);

  stalling.stall();
  t.teardown(() => stalling.resume());
  let isDone = false;
  const held = stuck.write(4096, 4096, 0x22).then(() => {
    isDone = true;
  });
  for (let round = 0; round < 50; round += 1) {
    await sound.write(round * 65536, 65536, round + 1);
    await sound.expectPattern(round * 65536, 65536, round + 1);
  }
  t.false(isDone);

  stalling.resume();
  await held;
  await stuck.expectPattern(4096, 4096, 0x22);
  await stuck.expectPattern(8192, 4096, 0x11);
});
