import { homedir } from "node:os";
import { join } from "node:path";
import {
  type GuestImage,
  guestOverlay,
  type HostSpec,
  type IscsiDiskSpec,
  macAddress,
  startHost,
  userNetwork,
  VmError,
} from "@sanlab/vm";
import { hostRunDirectory } from "../state/layout.ts";
import { UserError } from "../user-error.ts";
import type { HostPath } from "./portals.ts";
import type { HostRecord } from "./record.ts";

/** Where guest images are kept, for all labs of a user: SANLAB_CACHE, or the user's cache directory. */
export function cacheDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  return environment.SANLAB_CACHE ?? join(environment.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "sanlab");
}

/**
 * Timeouts of the guest's initiator. A path that is lost is given up after 20 s where another path can take over, and
 * is waited for 120 s where there is none (open-iscsi's own default).
 */
const ISCSI_SETTINGS = {
  single: { "node.session.timeo.replacement_timeout": "120" },
  multipath: { "node.session.timeo.replacement_timeout": "20" },
} as const;

/** Starts QEMU for a host; `paths` as seen by whoever logs in. Returns when QEMU runs, not when the guest is up. */
export async function startQemuHost(
  state: string,
  record: HostRecord,
  image: GuestImage,
  paths: readonly HostPath[],
): Promise<void> {
  const runDirectory = hostRunDirectory(state, record.name);
  const mac = macAddress(record.iqn, 0);
  const spec: HostSpec = {
    name: record.name,
    memoryMiB: record.memoryMiB,
    kernel: image.kernel,
    initramfs: image.initramfs,
    nics: [{ mac }],
    disks: record.initiator === "qemu" ? qemuDisks(record, paths) : [],
  };
  try {
    await startHost(spec, runDirectory, { overlay: overlayOf(record, mac, paths) });
  } catch (error) {
    const needsDriver = error instanceof VmError && error.details.some((line) => /Unknown driver 'iscsi'/.test(line));
    if (!needsDriver) throw error;
    const sentence = `QEMU lacks its own iSCSI initiator, which host '${record.name}' uses: install it with 'apt-get install qemu-block-extra'.`;
    throw new UserError("HOST", sentence, { cause: error });
  }
}

function overlayOf(record: HostRecord, mac: string, paths: readonly HostPath[]): Buffer {
  const { guestAddress, hostAddress } = userNetwork(0);
  const portals = record.initiator === "open-iscsi" ? distinctPortals(paths) : [];
  const isMultipath = hasSeveralPaths(paths);
  return guestOverlay({
    hostname: record.name,
    initiatorName: record.iqn,
    nics: [{ mac, address: guestAddress, gateway: hostAddress }],
    portals,
    iscsiSettings: isMultipath ? ISCSI_SETTINGS.multipath : ISCSI_SETTINGS.single,
    multipath: isMultipath,
  });
}

/** Whether some disk is seen through more than one agent, so that the guest puts its paths together. */
export function hasSeveralPaths(paths: readonly HostPath[]): boolean {
  return new Set(paths.map(({ disk }) => disk)).size < paths.length;
}

export function distinctPortals(paths: readonly HostPath[]): { portal: string; target: string }[] {
  return [...new Map(paths.map(({ portal, target }) => [`${portal} ${target}`, { portal, target }])).values()];
}

/** QEMU's initiator knows one path to a disk: that through the first agent. */
function qemuDisks(record: HostRecord, paths: readonly HostPath[]): IscsiDiskSpec[] {
  const first = new Map<string, HostPath>();
  for (const path of paths) if (!first.has(path.disk)) first.set(path.disk, path);
  return [...first.values()].map(({ portal, target, lun }) => ({
    portal,
    target,
    lun,
    initiatorName: record.iqn,
    device: "scsi-block",
  }));
}
