/** What a host starts from, out of its record: a kernel, a disk of its own, or its firmware's boot from the SAN. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Boot, ensureDiskImage, ensureGuestImage, makeOverlay, makeSeedDisk } from "@sanlab/vm";
import { imageFormat } from "../images/format.ts";
import { BUILT_IN } from "../lab/lab.ts";
import { hostRunDirectory } from "../state/layout.ts";
import { BOOT_SCRIPT, ipxeScript } from "./ipxe.ts";
import type { HostPath } from "./portals.ts";
import type { HostRecord } from "./record.ts";
import { readSecret } from "./secret.ts";
import { seedFiles } from "./seed.ts";

export interface ImageOptions {
  readonly cacheDir: string;
  readonly say: (message: string) => void;
}

/** Names in the host's run directory; QEMU runs in it. */
const FILES = { overlay: "system.qcow2", seed: "seed.img", boot: "boot" } as const;

/** Whether the guest's own system reads our settings, rather than cloud-init a seed, or nobody. */
export function readsOurSettings({ image, initiator }: HostRecord): boolean {
  return initiator !== "ipxe" && (image === undefined || image === BUILT_IN);
}

/** Makes sure of the images that such a host starts from. */
export async function prepareImages(
  { image, initiator, additions = [] }: Pick<HostRecord, "image" | "initiator" | "additions">,
  options: ImageOptions,
): Promise<void> {
  const how = { cacheDir: options.cacheDir, onProgress: options.say };
  if (image === BUILT_IN) await ensureDiskImage(how);
  else if (image === undefined && initiator !== "ipxe") await ensureGuestImage({ ...how, additions });
}

export async function bootOf(
  state: string,
  record: HostRecord,
  paths: readonly HostPath[],
  options: ImageOptions,
): Promise<Boot> {
  const directory = hostRunDirectory(state, record.name);
  await mkdir(directory, { recursive: true });
  if (record.initiator === "ipxe") return networkBoot(directory, record, paths);
  if (record.image !== undefined) return diskBoot(directory, record, paths, record.image, options);
  const { kernel, initramfs } = await ensureGuestImage({
    cacheDir: options.cacheDir,
    additions: record.additions ?? [],
    onProgress: options.say,
  });
  return { kind: "kernel", kernel, initramfs };
}

/** Everything that the system writes goes to an overlay of its own, which stays from one start to the next. */
async function diskBoot(
  directory: string,
  record: HostRecord,
  paths: readonly HostPath[],
  image: string,
  { cacheDir, say }: ImageOptions,
): Promise<Boot> {
  const path = image === BUILT_IN ? await ensureDiskImage({ cacheDir, onProgress: say }) : image;
  await makeOverlay(join(directory, FILES.overlay), { path, format: await imageFormat(path) });
  const boot = { kind: "disk", path: FILES.overlay, format: "qcow2" } as const;
  if (image === BUILT_IN) return boot;
  await makeSeedDisk(join(directory, FILES.seed), await seedFiles(record, paths));
  return { ...boot, seed: FILES.seed };
}

async function networkBoot(directory: string, record: HostRecord, [first]: readonly HostPath[]): Promise<Boot> {
  if (first === undefined) throw new Error(`host '${record.name}' boots from the SAN and sees no disk`);
  const login =
    first.chap === undefined ? undefined : { user: first.chap.user, secret: await readSecret(first.chap.secretFile) };
  await mkdir(join(directory, FILES.boot), { recursive: true });
  await writeFile(join(directory, FILES.boot, BOOT_SCRIPT), ipxeScript(record.iqn, first, login), { mode: 0o600 });
  return { kind: "network", directory: FILES.boot, file: BOOT_SCRIPT };
}
