/** Space as hosts and users see it: thin, given back by UNMAP, exhausted, grown; and a disk resized under its host. */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { execa } from "execa";
import { eventually, guest, labOf, testLab } from "../helpers/lab.ts";
import { imageOptions, openDisk } from "../helpers/qemu-io.ts";

const MIB = 1024 * 1024;
const IQN = "iqn.2026-11.example:outside";

test("UNMAP gives segments back to the pool and to the file system below, and they read as zeros ever after", async (t) => {
  const lab = await testLab(t);
  await lab.up(labOf({ diskSize: "64MiB" }));
  const disk = await openDisk(t, await lab.url("data", "a"), IQN);
  for (let segment = 0; segment < 8; segment += 1) await disk.write(segment * MIB, MIB, 0x11);
  const image = join(lab.directory, "main-0.img");
  const full = (await stat(image)).blocks * 512;
  t.is((await lab.disks())[0]?.mappedSegments, 8);

  await disk.discard(2 * MIB, 4 * MIB);
  await disk.expectPattern(2 * MIB, 4 * MIB, 0);
  await disk.expectPattern(0, 2 * MIB, 0x11);
  t.is((await lab.disks())[0]?.mappedSegments, 4);
  // The file system's own map of a file that now has holes may take some blocks more than before.
  const punched = full - 4 * MIB + 64 * 1024;
  await eventually("the image is punched", async () => (await stat(image)).blocks * 512 <= punched);

  // What is written next may lie where 0x11 lay: the rest of its segment must be zeros.
  await disk.write(20 * MIB + 4096, 4096, 0x22);
  await disk.expectPattern(20 * MIB, 4096, 0);
  await disk.expectPattern(20 * MIB + 8192, MIB - 8192, 0);
});

test("a full pool answers DATA PROTECT, SPACE ALLOCATION FAILED, and goes on after it has grown", async (t) => {
  const lab = await testLab(t);
  await lab.up(labOf({ diskSize: "64MiB", deviceSize: "9MiB" }));
  const url = await lab.url("data", "a");
  const disk = await openDisk(t, url, IQN);
  for (let segment = 0; segment < 8; segment += 1) await disk.write(segment * MIB, 4096, 0x33);
  const image = imageOptions(url, IQN);
  const refused = await execa("qemu-io", ["--image-opts", image, "-c", "write 8M 4k"], { all: true, reject: false });
  t.regex(refused.all, /DATA PROTECTION\(7\).*\(0x2707\)/);
  await disk.expectPattern(0, 4096, 0x33);

  await lab.must("pool", "grow", "main", "--device", `${join(lab.directory, "more.img")}:16MiB`);
  await disk.write(8 * MIB, 4096, 0x44);
  await disk.expectPattern(8 * MIB, 4096, 0x44);
  t.is((await lab.run(["check"])).exitCode, 0);
});

test("a guest sees its disk grow while it is mounted", async (t) => {
  t.timeout(180_000);
  const lab = await testLab(t);
  await lab.up(labOf({ diskSize: "64MiB", hosts: { web: guest() } }));
  const size = () => lab.guest("web", "cat /sys/block/sd*/size | head -n 1");
  t.is(Number(await size()) * 512, 64 * MIB);
  await lab.must("disk", "resize", "data", "--size", "128MiB");
  await lab.guest("web", "dd if=$(ls /dev/disk/by-path/*-lun-0) of=/dev/null bs=4096 count=1 iflag=direct");
  const log = await lab.guest("web", "dmesg | grep -i 'capacity data has changed' || true");
  t.regex(log, /capacity data has changed/i);
  await lab.guest("web", "for d in /sys/block/sd*/device/rescan; do echo 1 > $d; done");
  t.is(Number(await size()) * 512, 128 * MIB);
});

test("a segment given to another disk never shows what was there before", async (t) => {
  const lab = await testLab(t);
  await lab.up(labOf({ diskSize: "16MiB", deviceSize: "17MiB" }));
  const first = await openDisk(t, await lab.url("data", "a"), IQN);
  for (let segment = 0; segment < 16; segment += 1) await first.write(segment * MIB, MIB, 0x77);
  await lab.must("export", "delete", "outside", "data");
  await lab.must("disk", "delete", "data");
  const image = await readFile(join(lab.directory, "main-0.img"));
  t.false(image.includes(Buffer.alloc(4096, 0x77)), "freed segments are punched out");

  await lab.must("disk", "create", "next", "--size", "16MiB", "--pool", "main");
  await lab.must("zone", "delete", "all");
  await lab.must("zone", "create", "all", "--host", "outside", "--agent", "a", "--disk", "next");
  await lab.must("export", "create", "outside", "next");
  const url = await lab.url("next", "a");
  const next = await openDisk(t, url, IQN);
  for (let segment = 0; segment < 16; segment += 1) await next.write(segment * MIB, 512, 1);
  for (let segment = 0; segment < 16; segment += 1) await next.expectPattern(segment * MIB + 512, MIB - 512, 0);
  await execa("iscsi-inq", ["-i", IQN, url]);
});
