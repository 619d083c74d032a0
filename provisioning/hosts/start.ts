import { writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import {
  type GuestConfig,
  guestOverlay,
  type HostSpec,
  hostConf,
  type IscsiDiskSpec,
  startHost,
  VmError,
} from "@sanlab/vm";
import { REPLACEMENT_TIMEOUT_S } from "../export-script/subject.ts";
import { hostRunDirectory } from "../state/layout.ts";
import { UserError } from "../user-error.ts";
import { bootOf, type ImageOptions, readsOurSettings } from "./boot.ts";
import { nicsOf } from "./nics.ts";
import { distinctPortals, type HostPath, hasSeveralPaths } from "./portals.ts";
import { qemuDisk, writeSecrets } from "./qemu-disks.ts";
import type { HostRecord } from "./record.ts";
import { readSecret } from "./secret.ts";

/** Where guest images are kept, for all labs of a user: SANLAB_CACHE, or the user's cache directory. */
export function cacheDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  return environment.SANLAB_CACHE ?? join(environment.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "sanlab");
}

/** The name under which a system on a disk finds its settings (`host-conf`), and the file in the run directory. */
const SETTINGS = { firmware: "opt/sanlab/host.conf", file: "host.conf" } as const;

/** Starts QEMU for a host; `paths` as seen by whoever logs in. Returns when QEMU runs, not when the guest is up. */
export async function startQemuHost(
  state: string,
  record: HostRecord,
  paths: readonly HostPath[],
  images: ImageOptions,
): Promise<void> {
  const runDirectory = hostRunDirectory(state, record.name);
  const boot = await bootOf(state, record, paths, images);
  const config = await guestConfig(record, paths);
  const spec: HostSpec = {
    name: record.name,
    memoryMiB: record.memoryMiB,
    boot,
    nics: config.nics.map(({ mac }) => ({ mac })),
    disks: record.initiator === "qemu" ? await qemuDisks(runDirectory, record, paths) : [],
    hotPlug: record.initiator === "qemu",
    ...(boot.kind === "kernel" ? {} : { firmwareFiles: { [SETTINGS.firmware]: SETTINGS.file } }),
  };
  if (boot.kind !== "kernel") await writeFile(join(runDirectory, SETTINGS.file), hostConf(config), { mode: 0o600 });
  try {
    await startHost(spec, runDirectory, { overlay: guestOverlay(config) });
  } catch (error) {
    const needsDriver = error instanceof VmError && error.details.some((line) => /Unknown driver 'iscsi'/.test(line));
    if (!needsDriver) throw error;
    const sentence = `QEMU lacks its own iSCSI initiator, which host '${record.name}' uses: install it with 'apt-get install qemu-block-extra'.`;
    throw new UserError("HOST", sentence, { cause: error });
  }
}

/** What the guest's own system is told of itself. */
async function guestConfig(record: HostRecord, paths: readonly HostPath[]): Promise<GuestConfig> {
  const isMultipath = readsOurSettings(record) && record.initiator === "open-iscsi" && hasSeveralPaths(paths);
  return {
    hostname: record.name,
    initiatorName: record.iqn,
    nics: nicsOf(record),
    portals: await guestPortals(record, paths),
    iscsiSettings: {
      "node.session.timeo.replacement_timeout": `${REPLACEMENT_TIMEOUT_S[isMultipath ? "multipath" : "single"]}`,
    },
    multipath: isMultipath,
  };
}

/** A host that booted from the SAN has its first session already. */
async function guestPortals(record: HostRecord, paths: readonly HostPath[]): Promise<GuestConfig["portals"]> {
  if (record.initiator === "qemu") return [];
  const portals = distinctPortals(paths).slice(record.initiator === "ipxe" ? 1 : 0);
  return Promise.all(
    portals.map(async ({ portal, target, chap }) => ({
      portal,
      target,
      ...(chap === undefined ? {} : { chap: { user: chap.user, secret: await readSecret(chap.secretFile) } }),
    })),
  );
}

async function qemuDisks(
  runDirectory: string,
  record: HostRecord,
  paths: readonly HostPath[],
): Promise<IscsiDiskSpec[]> {
  await writeSecrets(runDirectory, paths);
  return paths.map((path) => qemuDisk(record, path));
}
