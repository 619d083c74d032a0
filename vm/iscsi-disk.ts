/** A disk of QEMU's own initiator as QEMU's objects: the same for its command line and for one that runs. Pure. */
import type { IscsiDiskSpec } from "./host-spec.ts";
import { type Option, values } from "./options.ts";

type Properties = Readonly<Record<string, string>>;

/** The names of a disk's objects, all of them out of its `id`. */
export function diskObjects(id: string): { node: string; secret: string; device: string } {
  return { node: `node-${id}`, secret: `secret-${id}`, device: `disk-${id}` };
}

/**
 * PCIe has hot-plug only behind ports that are there from the start, one for each virtio-blk disk; SCSI disks come and
 * go on their controller.
 */
const HOT_PLUG_PORTS = 8;

export function portName(index: number): string {
  return `port${index}`;
}

export const PORT_NAMES = Array.from({ length: HOT_PLUG_PORTS }, (_, index) => portName(index));

/** The command line's part for these disks, and for those that may come later. */
export function iscsiDisks(disks: readonly IscsiDiskSpec[], hotPlug: boolean): Option[] {
  const needsController = hotPlug || disks.some(({ device }) => device !== "virtio-blk");
  const ports = hotPlug
    ? PORT_NAMES.map(
        (id, slot): Option => [
          "-device",
          values({ "": "pcie-root-port", id, slot: `${slot}`, chassis: `${slot + 1}` }),
        ],
      )
    : [];
  return [
    ...(needsController ? [["-device", "virtio-scsi-pci,id=scsi"] as const] : []),
    ...ports,
    ...disks.flatMap((disk, index) => diskOptions(disk, hotPlug ? PORT_NAMES[index] : undefined)),
  ];
}

function diskOptions(disk: IscsiDiskSpec, port: string | undefined): Option[] {
  const secret = secretProperties(disk);
  return [
    ...(secret === undefined ? [] : [["-object", values({ "": "secret", ...secret })] as const]),
    ["-blockdev", values(nodeProperties(disk))],
    ["-device", values(deviceProperties(disk, port))],
  ];
}

/** The object with the secret of CHAP, read by QEMU from its file. */
export function secretProperties({ id, chap }: IscsiDiskSpec): Properties | undefined {
  return chap === undefined ? undefined : { id: diskObjects(id).secret, file: chap.secretFile };
}

/** The session, as a block node. */
export function nodeProperties(disk: IscsiDiskSpec): Properties {
  const { node, secret } = diskObjects(disk.id);
  return {
    driver: "iscsi",
    "node-name": node,
    transport: "tcp",
    portal: disk.portal,
    target: disk.target,
    lun: `${disk.lun}`,
    "initiator-name": disk.initiatorName,
    ...(disk.timeoutSeconds === undefined ? {} : { timeout: `${disk.timeoutSeconds}` }),
    ...(disk.chap === undefined ? {} : { user: disk.chap.user, "password-secret": secret }),
  };
}

/** What the guest sees; the key "" is the device's model. */
export function deviceProperties(disk: IscsiDiskSpec, port: string | undefined): Properties {
  const { node, device: id } = diskObjects(disk.id);
  // An error is the guest's to see. Left to itself, QEMU would stop the guest when the pool is full.
  const errors = { rerror: "report", werror: "report" };
  const serial = disk.serial === undefined ? {} : { serial: disk.serial };
  switch (disk.device) {
    case "scsi-block":
      return { "": "scsi-block", bus: "scsi.0", drive: node, id, ...errors };
    case "scsi-hd":
      return { "": "scsi-hd", bus: "scsi.0", drive: node, id, ...serial, ...errors };
    case "virtio-blk":
      return {
        "": "virtio-blk-pci",
        ...(port === undefined ? {} : { bus: port }),
        drive: node,
        id,
        ...serial,
        ...errors,
      };
  }
}
