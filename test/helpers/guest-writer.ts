/**
 * A guest that writes files one after another, syncs each, and keeps a list of those which were
 * acknowledged, with their checksums, in its own memory: what a storage system must not lose.
 */
import type { ExecutionContext } from "ava";
import { eventually, type TestLab } from "./lab.ts";

/** The one disk of the guest, whatever letter or multipath name it has. */
export const DISK = `$( [ -e /dev/mapper/mpatha ] && echo /dev/mapper/mpatha || ls /dev/disk/by-path/*-lun-0 | head -n 1 )`;

const WRITER = `
i=0
while [ ! -e /run/stop ]; do
  i=$((i + 1))
  head -c 65536 /dev/urandom > /run/piece
  cp /run/piece /mnt/f$i && sync /mnt/f$i && echo "$(md5sum < /run/piece | cut -d' ' -f1)  /mnt/f$i" >> /run/written || { echo "file $i failed" >> /run/failed; exit 1; }
done
`;

/** Makes a file system on the guest's disk, mounts it at /mnt and begins to write; returns when the first files are acknowledged. */
export async function startWriting(lab: TestLab, host: string): Promise<void> {
  await lab.guest(
    host,
    `mkdir -p /mnt && mkfs.ext4 -q -F ${DISK} && mount ${DISK} /mnt && rm -f /run/stop && : > /run/written`,
  );
  await lab.guest(
    host,
    `cat > /run/writer <<'END'\n${WRITER}\nEND\nsetsid sh /run/writer > /run/writer.log 2>&1 < /dev/null &`,
  );
  await eventually("the guest has written its first files", async () => {
    return Number(await lab.guest(host, "wc -l < /run/written")) >= 5;
  });
}

/** Waits for the writer to finish the file it is at. */
export async function stopWriting(lab: TestLab, host: string): Promise<void> {
  await lab.guest(host, "touch /run/stop");
  await eventually("the writer has ended", async () => {
    return (await lab.guest(host, "pgrep -f /run/writer > /dev/null || echo ended")).includes("ended");
  });
}

/** Every acknowledged file is there with its checksum when read from the disk anew, and the file system is clean. */
export async function assertWrittenFilesAreThere(t: ExecutionContext, lab: TestLab, host: string): Promise<void> {
  t.is(await lab.guest(host, "cat /run/failed 2> /dev/null || true"), "", "the guest saw an error");
  await lab.guest(host, "umount /mnt");
  const fsck = await lab.run(["host", "exec", host, "--", "sh", "-c", `fsck.ext4 -f -n ${DISK}`]);
  t.is(fsck.exitCode, 0, fsck.stdout + fsck.stderr);
  await lab.guest(host, `echo 3 > /proc/sys/vm/drop_caches; mount -o ro ${DISK} /mnt`);
  const check = await lab.run([
    "host",
    "exec",
    host,
    "--",
    "sh",
    "-c",
    "md5sum -c /run/written | grep -v ': OK$'; true",
  ]);
  t.is(check.stdout.trim(), "", check.stderr);
  await lab.guest(host, "umount /mnt");
}
