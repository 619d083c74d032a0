/** The disks of a host whose initiator is QEMU's own: one path each, which QEMU logs in to. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { growDisk, type IscsiDiskSpec, plugDisk, pluggedDisks, unplugDisk } from "@sanlab/vm";
import { plainName } from "../lab/unit-name.ts";
import type { HostPath } from "./portals.ts";
import type { HostRecord } from "./record.ts";
import { readSecret } from "./secret.ts";
import type { ExpectedDisk } from "./sight.ts";

/** virtio-blk takes no more of a serial number (virtio 1.2, 5.2.6). */
const SERIAL_BYTES = 20;

/** What `scsi-hd` and `virtio-blk` show as the disk's serial number: the beginning of its name. */
export function shownSerial(disk: string): string {
  return plainName(disk).slice(0, SERIAL_BYTES);
}

export function qemuDisk(
  { iqn, device }: HostRecord,
  { disk, agent, portal, target, lun, chap }: HostPath,
): IscsiDiskSpec {
  const secret = chap === undefined ? {} : { chap: { user: chap.user, secretFile: secretName(agent) } };
  return { id: `lun${lun}`, portal, target, lun, initiatorName: iqn, device, serial: shownSerial(disk), ...secret };
}

/** QEMU takes the whole of a file as the secret, so it gets files of its own. */
export async function writeSecrets(runDirectory: string, paths: readonly HostPath[]): Promise<void> {
  await mkdir(runDirectory, { recursive: true });
  for (const { agent, chap } of paths) {
    if (chap === undefined) continue;
    await writeFile(join(runDirectory, secretName(agent)), await readSecret(chap.secretFile), { mode: 0o600 });
  }
}

function secretName(agent: string): string {
  return `chap-${agent}`;
}

/** Gives a running host the disks that it has not yet, takes those that it is not shown any more, and tells of sizes. */
export async function plugDisks(
  runDirectory: string,
  record: HostRecord,
  paths: readonly HostPath[],
  disks: readonly ExpectedDisk[],
): Promise<void> {
  const wanted = paths.map((path) => qemuDisk(record, path));
  const there = await pluggedDisks(runDirectory);
  for (const id of there) if (!wanted.some((disk) => disk.id === id)) await unplugDisk(runDirectory, id);
  await writeSecrets(runDirectory, paths);
  for (const [index, disk] of wanted.entries()) {
    if (!there.includes(disk.id)) await plugDisk(runDirectory, disk);
    // What hands SCSI commands through tells of its size itself.
    const size = disks.find(({ name }) => name === paths[index]?.disk)?.sizeBytes;
    if (there.includes(disk.id) && size !== undefined && record.device !== "scsi-block")
      await growDisk(runDirectory, disk.id, size);
  }
}
