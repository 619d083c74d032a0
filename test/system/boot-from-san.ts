/** A machine without a disk of its own: its firmware boots from a virtual disk, and its root file system is there. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { countGuestBoot, guestDiskImage } from "../helpers/guest.ts";
import { testLab } from "../helpers/lab.ts";

const SECRET = "the-secret-of-the-firmware";

test("a guest boots from the SAN by iPXE with CHAP, has its root there, and finds what it kept after a power cut", async (t) => {
  t.timeout(900_000);
  await guestDiskImage();
  const lab = await testLab(t);
  await writeFile(join(lab.directory, "lab.secret"), `${SECRET}\n`);
  await lab.up({
    lab: "test",
    pools: { main: { devices: [{ path: "main.img", size: "2GiB" }] } },
    disks: { root: { pool: "main", size: "1GiB", image: "built-in" }, data: { pool: "main", size: "32MiB" } },
    agents: { a: { chap: { user: "lab", secretFile: "lab.secret" } } },
    hosts: { diskless: { disks: ["root", "data"], initiator: "ipxe", patience: "10min" } },
    zones: { all: { hosts: ["diskless"], agents: ["a"], disks: ["root", "data"] } },
  });
  t.is(await lab.guest("diskless", "awk '$2 == \"/\" { print $1, $3 }' /proc/mounts"), "/dev/sda2 ext4");
  t.is(
    await lab.guest("diskless", "ls /sys/block | grep -v '^sd' | grep -v '^loop' | tr -d '\\n'"),
    "",
    "no disk but the SAN's",
  );
  t.is(await lab.guest("diskless", "hostname; ls /sys/block | grep -c '^sd'"), "diskless\n2");
  const { naa } = await lab.json<{ naa: string }>("disk", "show", "root");
  t.is(await lab.guest("diskless", "cat /sys/block/sda/device/wwid"), `naa.${naa}`);

  await lab.guest("diskless", "echo kept > /root/kept && sync");
  await lab.must("host", "kill", "diskless");
  await countGuestBoot();
  await lab.run(["host", "start", "diskless"], { timeoutMs: 600_000 });
  t.is(await lab.guest("diskless", "cat /root/kept; mount | grep -c ' on / type ext4'"), "kept\n1");
  for (const shown of [
    await lab.must("logs", "a"),
    await lab.must("logs", "diskless"),
    await lab.must("agent", "list", "--json"),
  ]) {
    t.false(shown.includes(SECRET));
  }
});
