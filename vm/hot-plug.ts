/** Disks of QEMU's own initiator that come, go and grow while the host runs. */
import type { IscsiDiskSpec } from "./host-spec.ts";
import { deviceProperties, diskObjects, nodeProperties, PORT_NAMES, secretProperties } from "./iscsi-disk.ts";
import type { JsonObject } from "./json-channel.ts";
import { connectQmp, type QmpConnection } from "./qmp.ts";
import { VmError } from "./vm-error.ts";

/** A login to a target that answers is a matter of milliseconds; one that is silent must not hold QEMU. */
const LOGIN_TIMEOUT_SECONDS = 8;
const PLUG_TIMEOUT_MS = 30_000;
/** For a guest to let go of a disk. */
const UNPLUG_TIMEOUT_MS = 20_000;

/** The ids of the disks that the host has now. */
export async function pluggedDisks(runDir: string): Promise<string[]> {
  return withQmp(runDir, (qmp) => disksOf(qmp));
}

/** Logs QEMU in to a further disk and shows it to the guest. Nothing is left where it fails. Throws QMP_ERROR. */
export async function plugDisk(runDir: string, disk: IscsiDiskSpec): Promise<void> {
  await withQmp(runDir, async (qmp) => {
    const { node, secret } = diskObjects(disk.id);
    const port = disk.device === "virtio-blk" ? await freePort(qmp) : undefined;
    const secretObject = secretProperties(disk);
    if (secretObject !== undefined) await qmp.execute("object-add", { "qom-type": "secret", ...secretObject });
    try {
      const session = { timeout: String(LOGIN_TIMEOUT_SECONDS), ...nodeProperties(disk) };
      await qmp.execute("blockdev-add", typed(session), PLUG_TIMEOUT_MS);
      try {
        const { "": driver = "", ...properties } = deviceProperties(disk, port);
        await qmp.execute("device_add", { driver, ...properties }, PLUG_TIMEOUT_MS);
      } catch (error) {
        await qmp.execute("blockdev-del", { "node-name": node });
        throw error;
      }
    } catch (error) {
      if (secretObject !== undefined) await qmp.execute("object-del", { id: secret });
      throw error;
    }
  });
}

/** Takes a disk from the guest, and logs QEMU out. Throws GUEST_TIMEOUT where the guest does not let go of it. */
export async function unplugDisk(runDir: string, id: string): Promise<void> {
  await withQmp(runDir, async (qmp) => {
    const { node, secret, device } = diskObjects(id);
    await qmp.execute("device_del", { id: device });
    const deadlineMs = performance.now() + UNPLUG_TIMEOUT_MS;
    for (;;) {
      const event = await qmp.event("DEVICE_DELETED", Math.max(0, deadlineMs - performance.now()));
      if (event?.data.device === device) break;
      // The event may have come before this connection.
      if (event === undefined && !(await disksOf(qmp)).includes(id)) break;
      if (event === undefined) {
        const sentence = `The guest in ${runDir} did not let go of its disk within ${UNPLUG_TIMEOUT_MS / 1000} s.`;
        throw new VmError("GUEST_TIMEOUT", sentence);
      }
    }
    await qmp.execute("blockdev-del", { "node-name": node });
    const objects = (await qmp.execute("qom-list", { path: "/objects" })) as { name: string }[];
    if (objects.some(({ name }) => name === secret)) await qmp.execute("object-del", { id: secret });
  });
}

/** Tells the guest of the size that the disk has at its target now. */
export async function growDisk(runDir: string, id: string, sizeBytes: number): Promise<void> {
  await withQmp(runDir, async (qmp) => {
    await qmp.execute("block_resize", { "node-name": diskObjects(id).node, size: sizeBytes }, PLUG_TIMEOUT_MS);
  });
}

/** Pulls the plug of a network card, or puts it back: the guest sees its carrier go. */
export async function setLink(runDir: string, nic: string, isUp: boolean): Promise<void> {
  await withQmp(runDir, (qmp) => qmp.execute("set_link", { name: nic, up: isUp }));
}

async function withQmp<Result>(runDir: string, work: (qmp: QmpConnection) => Promise<Result>): Promise<Result> {
  const qmp = await connectQmp(runDir);
  try {
    return await work(qmp);
  } finally {
    qmp.close();
  }
}

async function disksOf(qmp: QmpConnection): Promise<string[]> {
  const devices = (await qmp.execute("qom-list", { path: "/machine/peripheral" })) as { name: string }[];
  const prefix = diskObjects("").device;
  return devices.flatMap(({ name }) => (name.startsWith(prefix) ? [name.slice(prefix.length)] : []));
}

async function freePort(qmp: QmpConnection): Promise<string> {
  for (const port of PORT_NAMES) {
    const children = (await qmp.execute("qom-list", { path: `/machine/peripheral/${port}/${port}` })) as {
      name: string;
    }[];
    if (!children.some(({ name }) => name.startsWith("child["))) return port;
  }
  throw new VmError(
    "INVALID_HOST",
    `All ${PORT_NAMES.length} places for virtio-blk disks are taken: use device scsi-hd or scsi-block.`,
  );
}

/** QMP takes numbers as numbers. */
function typed(properties: Readonly<Record<string, string>>): JsonObject {
  const numbers = ["lun", "timeout"];
  return Object.fromEntries(
    Object.entries(properties).map(([key, value]) => [key, numbers.includes(key) ? Number(value) : value]),
  );
}
