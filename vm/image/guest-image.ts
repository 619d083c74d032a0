import { cp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { withExclusive } from "../exclusive.ts";
import { VmError, type VmErrorCode } from "../vm-error.ts";

import type { Addition, Contents } from "./additions.ts";
import { cpioArchive } from "./cpio.ts";
import { type GuestImage, ImageCache } from "./image-cache.ts";
import { extractKernel } from "./kernel.ts";
import { selectModules } from "./modules.ts";
import {
  type DebianPackage,
  packageListsState,
  resolvePackages,
  unpackPackages,
  updatePackageLists,
} from "./packages.ts";
import { BOOT_MODULES, contentKeyOf, GUEST_MODULES, guestContents, recipeKey } from "./recipe.ts";
import { bootFileSystem, rootFileSystem } from "./root-file-system.ts";
import { StagedRoot } from "./staged-root.ts";

export interface GuestImageOptions {
  /** Where images are kept, shared by any number of labs and processes. Created when missing. */
  readonly cacheDir: string;
  /** What the guest has beside the programs of every guest. */
  readonly additions?: readonly Addition[];
  /** Called with a sentence as each longer step begins; never called when the image is there. */
  readonly onProgress?: (message: string) => void;
}

type Say = (message: string) => void;

/** Errors that an image made earlier helps over: the newest packages cannot be had here and now. */
const OFFLINE_CODES: readonly VmErrorCode[] = ["PACKAGES_UNAVAILABLE", "PACKAGE_LISTS_MISSING", "PROGRAM_MISSING"];

/**
 * The guest image, made from Debian packages when the cache does not have it.
 *
 * The same recipe and package versions give the same image. It is used without asking apt while apt's lists are
 * those it was made by, and whatever they say when they are gone or their packages cannot be downloaded.
 * Throws PACKAGE_LISTS_MISSING, PACKAGES_UNAVAILABLE, PROGRAM_MISSING or IMAGE_BUILD_FAILED.
 */
export async function ensureGuestImage(options: GuestImageOptions): Promise<GuestImage> {
  const { additions = [] } = options;
  const cache = new ImageCache(options.cacheDir, recipeKey(additions));
  const ready = await cache.current();
  if (ready !== undefined) return ready;
  const say = options.onProgress ?? (() => {});
  const sayWaiting = () => say("Waiting for another process that is making the guest image");
  return withExclusive(
    cache.directory,
    sayWaiting,
    async () => (await cache.current()) ?? (await newestOrOlder(cache, additions, say)),
  );
}

async function newestOrOlder(cache: ImageCache, additions: readonly Addition[], say: Say): Promise<GuestImage> {
  const older = await cache.newest();
  try {
    return await makeNewest(cache, additions, say);
  } catch (error) {
    if (older === undefined || !(error instanceof VmError) || !OFFLINE_CODES.includes(error.code)) throw error;
    say("Using the guest image made earlier, since newer packages cannot be had now");
    return older;
  }
}

async function makeNewest(cache: ImageCache, additions: readonly Addition[], say: Say): Promise<GuestImage> {
  const hadLists = (await packageListsState()) !== "none";
  if (!hadLists) await fetchLists(say);
  try {
    return await makeFromLists(cache, additions, say);
  } catch (error) {
    const mayBeStale = hadLists && process.getuid?.() === 0;
    if (!mayBeStale || !(error instanceof VmError) || error.code !== "PACKAGES_UNAVAILABLE") throw error;
    // Lists older than the archive's last change name packages that it no longer has.
    await fetchLists(say);
    return makeFromLists(cache, additions, say);
  }
}

async function fetchLists(say: Say): Promise<void> {
  say("Fetching Debian's package lists");
  await updatePackageLists();
}

async function makeFromLists(cache: ImageCache, additions: readonly Addition[], say: Say): Promise<GuestImage> {
  const listsState = await packageListsState();
  const contents = guestContents(additions);
  const packages = await resolvePackages(contents);
  const names = packages.map(({ name, version }) => `${name}=${version}`);
  const contentKey = contentKeyOf(cache.recipe, names);
  if ((await cache.image(contentKey)) === undefined) {
    await cache.add(contentKey, names, (directory) => buildImage(directory, packages, contents, say));
    await cache.tidy();
  }
  await cache.setCurrent(contentKey, listsState);
  const made = await cache.image(contentKey);
  if (made === undefined) throw new Error(`the guest image ${contentKey} is not in the cache after it was added`);
  return made;
}

/** Fills `directory` with `vmlinux` and `initramfs`, and with `vmlinuz` and `boot-initramfs` for systems on a disk. */
async function buildImage(
  directory: string,
  packages: readonly DebianPackage[],
  contents: Contents,
  say: Say,
): Promise<void> {
  const work = join(directory, "work");
  const root = new StagedRoot(join(work, "root"));
  say(`Downloading the ${packages.length} Debian packages of the guest image`);
  await unpackPackages(packages, work, root.directory);
  say("Making the guest image from them");
  const modulesRoot = join(work, "modules");
  const version = await selectModules(root, GUEST_MODULES, modulesRoot);
  await writeFile(join(directory, "vmlinux"), await extractKernel(root, `boot/vmlinuz-${version}`));
  await writeFile(join(directory, "initramfs"), cpioArchive(await rootFileSystem(root, modulesRoot, contents)));
  await cp(join(root.directory, `boot/vmlinuz-${version}`), join(directory, "vmlinuz"));
  const bootModules = join(work, "boot-modules");
  await selectModules(root, BOOT_MODULES, bootModules);
  const bootInitramfs = cpioArchive(await bootFileSystem(root, bootModules));
  await writeFile(join(directory, "boot-initramfs"), gzipSync(bootInitramfs, { level: 9 }));
  await rm(work, { recursive: true });
}
